// How far a long command has come: a bar on a terminal, elsewhere a line now and then.
import { Presets, SingleBar } from 'cli-progress'

/** ms between lines where there is no terminal. */
const INTERVAL = 15_000

export class Progress {
  private readonly bar: SingleBar
  private readonly all: number
  private told: number = performance.now()

  /** `all`: what there is to do, in `unit`. */
  constructor(all: number, unit: string) {
    this.all = all
    this.bar = new SingleBar(
      {
        format: `{bar} {percentage} %, {value} of {total} ${unit}, {eta_formatted} left {text}`,
        fps: 2,
        linewrap: false,
      },
      Presets.shades_classic,
    )
    this.bar.start(all, 0, { text: '' })
    process.once('exit', () => this.bar.stop())
  }

  /** So much has been done. */
  at(done: number, text = ''): void {
    this.bar.update(Math.min(done, this.all), { text })
    if (process.stderr.isTTY || performance.now() - this.told < INTERVAL) return
    this.told = performance.now()
    process.stderr.write(`${Math.floor((100 * done) / this.all)} % ${text}\n`)
  }

  close(): void {
    this.bar.stop()
  }
}
