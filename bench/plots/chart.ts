// A run as a picture: sequence numbers, windows, round trips and rates over time, one above the other, drawn by Vega.
import type { Axis, Data, Legend, Mark, Scale, Spec } from 'vega'
import { growth, type Piece, pieces, type Series, type Span, type Tracked } from './series.js'
import { svgOf } from './svg.js'

/** What is known of the path beside the log; all optional, and drawn as thin lines where it is known. */
export interface PathFacts {
  /** Mbit/s */
  readonly rate?: number
  /** Bytes */
  readonly bdp?: number
}

export interface ChartOptions {
  readonly title: string
  /** Lines of text below the title. */
  readonly notes: readonly string[]
  /** s */
  readonly from: number
  readonly to: number
  readonly path: PathFacts
}

const WIDTH = 720
const HEIGHT = 130
const GAP = 20
/** Of a line: two for each point of a screen would say no more. */
const PIECES = 240
const RATE_PIECES = 100

const COLOURS = {
  sent: '#4c78a8',
  acknowledged: '#54a24b',
  repeated: '#f58518',
  lost: '#e45756',
  cwnd: '#4c78a8',
  flight: '#9ecae9',
  ssthresh: '#b279a2',
  srtt: '#4c78a8',
  samples: '#9ecae9',
  minimum: '#54a24b',
  pacing: '#f58518',
  delivered: '#4c78a8',
  path: '#888888',
} as const

/** Bands behind the windows: the phases that we know by name, and others in the order in which they come. */
const PHASES: Readonly<Record<string, string>> = {
  'slow start': '#fff3d6',
  'conservative slow start': '#e6f2e6',
  'congestion avoidance': '#e8eef7',
  startup: '#fff3d6',
  drain: '#e6f2e6',
  down: '#e3f4f4',
  cruise: '#e8eef7',
  refill: '#f7e8ef',
  up: '#eee8f7',
  'probe-rtt': '#f1f1e1',
}
const OTHER_PHASES = ['#fff3d6', '#e6f2e6', '#e8eef7', '#f7e8ef', '#eee8f7', '#e3f4f4', '#f1f1e1', '#f5e6dc']
const REPAIRS: Readonly<Record<string, string>> = { recovery: '#fde3e0', loss: '#f7b6ae' }

interface Panel {
  readonly label: string
  /** The scale begins at 0, whatever is shown. @default true */
  readonly fromZero?: boolean
  readonly keys: readonly (readonly [label: string, colour: string])[]
  readonly marks: readonly Layer[]
  readonly bands?: readonly { from: number; to: number; colour: string }[]
}

interface Layer {
  readonly kind: 'line' | 'step' | 'area' | 'dots' | 'rule'
  readonly colour: string
  readonly points: readonly { x: number; y: number; y2?: number; defined?: boolean }[]
  readonly dashed?: boolean
}

/** @returns the picture as SVG. */
export async function draw(series: Series, options: ChartOptions): Promise<string> {
  const panels = [sequencePanel, windowPanel, rttPanel, ratePanel].map((panel) => panel(series, options))
  return svgOf(specOf(panels, options))
}

// ---- the panels

function sequencePanel(series: Series, options: ChartOptions): Panel {
  const { from, to } = options
  const mb = (bytes: number): number => bytes / 1e6
  return {
    label: 'sequence (MB)',
    fromZero: false,
    keys: [
      ['sent', COLOURS.sent],
      ['acknowledged', COLOURS.acknowledged],
      ['deemed lost', COLOURS.lost],
      ['sent again', COLOURS.repeated],
    ],
    bands: bandsOf(series.repairs, from, to, (name) => REPAIRS[name]),
    marks: [
      line(series, 'sent', options, COLOURS.sent, mb),
      line(series, 'acknowledged', options, COLOURS.acknowledged, mb),
      dots(series.lost, options, COLOURS.lost),
      dots(series.repeated, options, COLOURS.repeated),
    ],
  }
}

function windowPanel(series: Series, options: ChartOptions): Panel {
  const { from, to, path } = options
  const kb = (bytes: number): number => bytes / 1000
  const names = [...new Set(series.phases.map(({ name }) => name))]
  const colourOf = (name: string): string =>
    PHASES[name] ?? (OTHER_PHASES[names.indexOf(name) % OTHER_PHASES.length] as string)
  const hasThreshold = series.tracks.ssthresh.values.some((value) => value >= 0)
  const keys: [string, string][] = [
    ['congestion window', COLOURS.cwnd],
    ['in flight', COLOURS.flight],
  ]
  const marks = [
    band(series, 'bytes_in_flight', options, COLOURS.flight, kb),
    line(series, 'congestion_window', options, COLOURS.cwnd, kb),
  ]
  if (hasThreshold) {
    keys.push(['ssthresh', COLOURS.ssthresh])
    marks.push({ ...line(series, 'ssthresh', options, COLOURS.ssthresh, kb), dashed: true })
  }
  if (path.bdp !== undefined) {
    keys.push(['BDP', COLOURS.path])
    marks.push(rule(kb(path.bdp), from, to))
  }
  const seen = names.filter((name) => name !== '')
  return {
    label: 'window (KB)',
    keys: [...keys, ...seen.map((name) => [name, colourOf(name)] as const)],
    bands: bandsOf(series.phases, from, to, (name) => (name === '' ? undefined : colourOf(name))),
    marks,
  }
}

function rttPanel(series: Series, options: ChartOptions): Panel {
  const same = (ms: number): number => ms
  return {
    label: 'round trip (ms)',
    keys: [
      ['samples', COLOURS.samples],
      ['smoothed', COLOURS.srtt],
      ['smallest', COLOURS.minimum],
    ],
    marks: [
      band(series, 'latest_rtt', options, COLOURS.samples, same),
      line(series, 'smoothed_rtt', options, COLOURS.srtt, same),
      { ...line(series, 'min_rtt', options, COLOURS.minimum, same), dashed: true },
    ],
  }
}

function ratePanel(series: Series, options: ChartOptions): Panel {
  const { from, to, path } = options
  const points = growth(series.delivered, from, to, RATE_PIECES).map(({ time, rate }) => ({
    x: time,
    y: rate,
  }))
  const delivered: Layer = { kind: 'step', colour: COLOURS.delivered, points }
  const keys: [string, string][] = [['delivered', COLOURS.delivered]]
  const marks = [delivered]
  // a first guess of the rate is far beyond everything that follows
  const most = 4 * Math.max(path.rate ?? 0, ...points.map(({ y }) => y))
  const pacing = line(series, 'pacing_rate', options, COLOURS.pacing, (bits) => Math.min(bits / 1e6, most))
  if (pacing.points.length > 0) {
    keys.push(['pacing', COLOURS.pacing])
    marks.unshift(pacing)
  }
  if (path.rate !== undefined) {
    keys.push(['link', COLOURS.path])
    marks.push(rule(path.rate, from, to))
  }
  return { label: 'rate (Mbit/s)', keys, marks }
}

// ---- layers

interface Stretch {
  readonly from: number
  readonly to: number
}

/** Low and high of each piece in turn, so that a line shows both. */
function line(
  series: Series,
  name: Tracked,
  { from, to }: Stretch,
  colour: string,
  unit: (value: number) => number,
): Layer {
  const points = pieces(series.tracks[name], from, to, PIECES).flatMap(({ time, low, high, last }: Piece) => {
    if (low === high) return [{ x: time, y: unit(last) }]
    const [first, second] = last === high ? [low, high] : [high, low]
    return [first, second].map((value) => ({ x: time, y: unit(value) }))
  })
  return { kind: 'line', colour, points }
}

function band(
  series: Series,
  name: Tracked,
  { from, to }: Stretch,
  colour: string,
  unit: (value: number) => number,
): Layer {
  const points = pieces(series.tracks[name], from, to, PIECES)
  return {
    kind: 'area',
    colour,
    points: points.map(({ time, low, high }) => ({ x: time, y: unit(low), y2: unit(high) })),
  }
}

function rule(y: number, from: number, to: number): Layer {
  const points = [from, to].map((x) => ({ x, y }))
  return { kind: 'rule', colour: COLOURS.path, points, dashed: true }
}

/** Dots of one line that is interrupted after each; one dot where many would lie upon each other. */
function dots(marks: Series['lost'], { from, to }: Stretch, colour: string): Layer {
  const shown = marks.filter(({ time }) => time >= from && time <= to)
  const least = shown.reduce((low, mark) => Math.min(low, mark.from), Infinity)
  const height = shown.reduce((high, mark) => Math.max(high, mark.from), 0) - least
  const taken = new Set<string>()
  const points = shown.flatMap(({ time, from: offset }) => {
    const key = `${Math.round(((time - from) / (to - from)) * PIECES)} ${Math.round(((offset - least) / height) * HEIGHT)}`
    if (taken.has(key)) return []
    taken.add(key)
    const point = { x: time, y: offset / 1e6 }
    return [
      { ...point, defined: true },
      { ...point, defined: false },
    ]
  })
  return { kind: 'dots', colour, points }
}

function bandsOf(
  spans: readonly Span[],
  from: number,
  to: number,
  colourOf: (name: string) => string | undefined,
): NonNullable<Panel['bands']> {
  const bands: { from: number; to: number; colour: string }[] = []
  // what is narrower than a point of the picture is drawn as one
  const least = (to - from) / WIDTH
  for (const span of spans) {
    const colour = colourOf(span.name)
    if (colour === undefined || span.to < from || span.from > to) continue
    const end = Math.min(Math.max(span.to, span.from + least), to)
    const last = bands.at(-1)
    if (last !== undefined && last.colour === colour && span.from <= last.to) last.to = Math.max(last.to, end)
    else bands.push({ from: Math.max(span.from, from), to: end, colour })
  }
  return bands
}

// ---- Vega

function specOf(panels: readonly Panel[], { title, notes, from, to }: ChartOptions): Spec {
  return {
    $schema: 'https://vega.github.io/schema/vega/v6.json',
    background: 'white',
    padding: 8,
    width: WIDTH,
    title: { text: title, subtitle: [...notes], anchor: 'start', fontSize: 13, subtitleFontSize: 11, offset: 12 },
    layout: { columns: 1, padding: GAP, bounds: 'flush' },
    marks: panels.map((panel, index) => groupOf(panel, from, to, index === panels.length - 1)),
  }
}

function groupOf(panel: Panel, from: number, to: number, isLast: boolean): Mark {
  const values = panel.marks.flatMap(({ points }) => points.flatMap(({ y, y2 = y }) => [y, y2]))
  const lowest = panel.fromZero === false && values.length > 0 ? Math.min(...values) : 0
  const highest = Math.max(lowest + 1e-9, ...values)
  const scales: Scale[] = [
    { name: 'x', type: 'linear', domain: [from, to], range: [0, WIDTH], zero: false },
    { name: 'y', type: 'linear', domain: [lowest, highest], range: [HEIGHT, 0], nice: true, zero: false },
    {
      name: 'key',
      type: 'ordinal',
      domain: panel.keys.map(([label]) => label),
      range: panel.keys.map(([, colour]) => colour),
    },
  ]
  const axes: Axis[] = [
    {
      orient: 'bottom',
      scale: 'x',
      tickCount: 10,
      grid: true,
      gridColor: '#eeeeee',
      labels: isLast,
      ...(isLast ? { title: 'time (s)' } : {}),
    },
    { orient: 'left', scale: 'y', tickCount: 5, grid: true, gridColor: '#eeeeee', title: panel.label, minExtent: 42 },
  ]
  const legend: Legend = {
    fill: 'key',
    orient: 'right',
    symbolType: 'square',
    symbolSize: 80,
    labelFontSize: 10,
    labelLimit: 220,
    rowPadding: 1,
  }
  const data: Data[] = panel.marks.map(({ points }, index) => ({ name: `layer${index}`, values: [...points] }))
  data.push({ name: 'bands', values: [...(panel.bands ?? [])] })
  const bands: Mark = {
    type: 'rect',
    from: { data: 'bands' },
    encode: {
      enter: {
        x: { scale: 'x', field: 'from' },
        x2: { scale: 'x', field: 'to' },
        y: { value: 0 },
        y2: { value: HEIGHT },
        fill: { field: 'colour' },
      },
    },
  }
  return {
    type: 'group',
    encode: { enter: { width: { value: WIDTH }, height: { value: HEIGHT } } },
    signals: [{ name: 'height', value: HEIGHT }], // as long are the lines of the grid
    scales,
    axes,
    legends: [legend],
    data,
    marks: [bands, ...panel.marks.map(markOf)],
  }
}

function markOf({ kind, colour, dashed }: Layer, index: number): Mark {
  const x = { scale: 'x', field: 'x' }
  const y = { scale: 'y', field: 'y' }
  const from = { data: `layer${index}` }
  const dash = dashed ? { strokeDash: { value: [4, 3] } } : {}
  if (kind === 'dots') {
    // one line, interrupted after each point: a mark for each dot would be most of the file
    const cap = { defined: { field: 'defined' }, strokeCap: { value: 'round' as const }, strokeWidth: { value: 3 } }
    return { type: 'line', from, encode: { enter: { x, y, stroke: { value: colour }, ...cap } } }
  }
  if (kind === 'area') {
    const y2 = { scale: 'y', field: 'y2' }
    return { type: 'area', from, encode: { enter: { x, y, y2, fill: { value: colour }, stroke: { value: colour } } } }
  }
  const interpolate = { interpolate: { value: kind === 'step' ? ('step' as const) : ('step-after' as const) } }
  return {
    type: 'line',
    from,
    clip: true,
    encode: { enter: { x, y, stroke: { value: colour }, strokeWidth: { value: 1.2 }, ...dash, ...interpolate } },
  }
}
