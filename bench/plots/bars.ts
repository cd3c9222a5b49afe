// Peers beside each other: a panel for each figure, a bar for each peer, on whatever background there is.
import type { Mark } from 'vega'
import { svgOf } from './svg.js'

export interface Panel {
  readonly title: string
  readonly bars: readonly Bar[]
}

export interface Bar {
  readonly name: string
  readonly value: number
  /** As it is to be read. */
  readonly text: string
  readonly isOurs: boolean
}

/** Of a panel: names, bars, and room for the figure behind the longest. */
const NAMES = 160
const BARS = 200
const FIGURES = 60
const BAR = 18
const TITLE = 26
const GAP = 20
const PADDING = 8
const COLUMNS = 2
// between black and white, so that both can be behind them
const COLOURS = { ours: '#3b82f6', others: '#9aa4af', text: '#7b8794' }
const FONT = { font: { value: 'sans-serif' }, fontSize: { value: 12 }, fill: { value: COLOURS.text } }
const WIDTH = NAMES + BARS + FIGURES

/** @returns the picture as SVG. */
export function drawBars(panels: readonly Panel[]): Promise<string> {
  const marks: Mark[] = []
  let height = -GAP
  for (let first = 0; first < panels.length; first += COLUMNS) {
    const row = panels.slice(first, first + COLUMNS)
    const top = height + GAP
    marks.push(...row.map((panel, column) => groupOf(panel, column * (WIDTH + GAP), top)))
    height = top + Math.max(...row.map(heightOf))
  }
  return svgOf({
    $schema: 'https://vega.github.io/schema/vega/v6.json',
    // Vega takes text for wider than it is
    autosize: 'none',
    padding: PADDING,
    width: Math.min(COLUMNS, panels.length) * (WIDTH + GAP) - GAP,
    height,
    marks,
  })
}

const heightOf = ({ bars }: Panel): number => TITLE + bars.length * BAR

function groupOf(panel: Panel, x: number, y: number): Mark {
  const { title, bars } = panel
  const height = heightOf(panel)
  const centre = { scale: 'y', field: 'name', band: 0.5 }
  const end = { scale: 'x', field: 'value' }
  const middle = { baseline: { value: 'middle' as const } }
  return {
    type: 'group',
    encode: { enter: { x: { value: x }, y: { value: y } } },
    data: [{ name: 'bars', values: bars.map((bar) => ({ ...bar })) }],
    scales: [
      { name: 'y', type: 'band', domain: bars.map(({ name }) => name), range: [TITLE, height], padding: 0.2 },
      {
        name: 'x',
        type: 'linear',
        domain: [0, Math.max(...bars.map(({ value }) => value))],
        range: [NAMES, NAMES + BARS],
        zero: true,
      },
    ],
    marks: [
      {
        type: 'text',
        encode: { enter: { ...FONT, y: { value: 12 }, text: { value: title }, fontWeight: { value: 'bold' } } },
      },
      {
        type: 'rect',
        from: { data: 'bars' },
        encode: {
          enter: {
            x: { value: NAMES },
            x2: end,
            y: { scale: 'y', field: 'name' },
            height: { scale: 'y', band: 1 },
            fill: [{ test: 'datum.isOurs', value: COLOURS.ours }, { value: COLOURS.others }],
          },
        },
      },
      {
        type: 'text',
        from: { data: 'bars' },
        encode: {
          enter: {
            ...FONT,
            ...middle,
            x: { value: NAMES - 6 },
            y: centre,
            align: { value: 'right' },
            text: { field: 'name' },
            fontWeight: [{ test: 'datum.isOurs', value: 'bold' }, { value: 'normal' }],
          },
        },
      },
      {
        type: 'text',
        from: { data: 'bars' },
        encode: { enter: { ...FONT, ...middle, x: { ...end, offset: 6 }, y: centre, text: { field: 'text' } } },
      },
    ],
  }
}
