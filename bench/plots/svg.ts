// What Vega draws, as an SVG that is small and the same each time.
import { parse, type Spec, View } from 'vega'

export async function svgOf(spec: Spec): Promise<string> {
  const view = new View(parse(spec), { renderer: 'none' })
  const svg = await view.toSVG()
  view.finalize()
  return `${tidy(svg)}\n`
}

/** Without what nobody sees: roles, defaults, empty shapes, far decimals, and ids that count on from picture to picture. */
function tidy(svg: string): string {
  const ids: string[] = []
  return svg
    .replace(/ (aria-[a-z]+|role|class|pointer-events|opacity)="[^"]*"/g, '')
    .replace(/<path d="(M0,0h0v0h0Z)?"( display="none")?\/>/g, '')
    .replace(/ transform="[^"]*"/g, (transform) => transform.replace(/\d+\.\d+/g, tenth))
    .replace(/ d="([^"]*)"/g, (_, path: string) => ` d="${shorten(path)}"`)
    .replace(/\bclip\d+\b/g, (id) => {
      if (!ids.includes(id)) ids.push(id)
      return `clip${ids.indexOf(id)}`
    })
}

function tenth(number: string): string {
  return String(Math.round(Number(number) * 10) / 10)
}

/** The same path to a tenth of a pixel, without repeating the coordinate that stays. */
function shorten(path: string): string {
  const rounded = path.replace(/\d+\.\d+/g, tenth)
  let [x, y] = ['', '']
  return rounded.replace(/([ML])(-?[\d.]+),(-?[\d.]+)/g, (all, command: string, nextX: string, nextY: string) => {
    const [sameX, sameY] = [nextX === x, nextY === y]
    x = nextX
    y = nextY
    if (command === 'M' || !(sameX || sameY)) return all
    if (sameX && sameY) return ''
    return sameX ? `V${y}` : `H${x}`
  })
}
