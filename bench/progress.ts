// How far a run has come: on a terminal a bar with the time that is left, elsewhere a line now and then.
import { Presets, SingleBar } from 'cli-progress'

/** ms between lines where there is no terminal. */
const INTERVAL = 10_000

/** `about 40 s left`, by what it has taken so far; nothing before the first is done. */
export function timeLeft(elapsed: number, done: number, all: number): string {
  if (done === 0) return ''
  const seconds = (elapsed / 1000 / done) * (all - done)
  return `about ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`} left`
}

export class Progress {
  private readonly bar: SingleBar = new SingleBar(
    { format: '{bar} {value}/{total} {text}', barsize: 20, fps: 2, clearOnComplete: true, linewrap: false },
    Presets.shades_classic,
  )
  private all = 0
  private done = 0
  private text = ''
  private began = 0
  private told = 0

  /** `all`: measurements that will be made. */
  begin(all: number): void {
    this.all = all
    this.began = performance.now()
    // the terminal gets its cursor and its line breaks back, whatever ends the run
    process.once('exit', () => this.bar.stop())
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
    this.start()
  }

  /** What is going on now. */
  show(text: string): void {
    this.text = text
    const left = timeLeft(performance.now() - this.began, this.done, this.all)
    const line = left === '' ? text : `${text}, ${left}`
    this.bar.update(this.done, { text: line })
    if (process.stderr.isTTY || performance.now() - this.told < INTERVAL) return
    this.told = performance.now()
    process.stderr.write(`${this.done}/${this.all} ${line}\n`)
  }

  /** A measurement has been made. */
  step(): void {
    this.done++
    this.show(this.text)
  }

  /** Prints, with the bar out of the way. */
  print(text: string): void {
    this.bar.stop()
    console.log(text)
    this.start()
  }

  close(): void {
    this.bar.stop()
  }

  private start(): void {
    this.bar.start(this.all, this.done, { text: this.text })
  }
}
