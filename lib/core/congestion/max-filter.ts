// The largest of the samples of a window that moves, in three numbers (Kathleen Nichols' algorithm, as in Linux's minmax.c).

export class MaxFilter {
  private readonly window: number
  private readonly values: Float64Array = new Float64Array(3)
  private readonly times: Float64Array = new Float64Array(3)

  /** `window` in the unit of the times given to update(). */
  constructor(window: number) {
    this.window = window
  }

  get best(): number {
    return this.values[0] as number
  }

  reset(value: number, time: number): void {
    this.values.fill(value)
    this.times.fill(time)
  }

  update(value: number, time: number, window: number = this.window): void {
    const { values, times } = this
    if (value >= (values[0] as number) || time - (times[2] as number) > window) {
      this.reset(value, time)
      return
    }
    if (value >= (values[1] as number)) {
      values[1] = values[2] = value
      times[1] = times[2] = time
    } else if (value >= (values[2] as number)) {
      values[2] = value
      times[2] = time
    }
    this.age(value, time, window)
  }

  private age(value: number, time: number, window: number): void {
    const { values, times } = this
    const elapsed = time - (times[0] as number)
    if (elapsed > window) {
      this.shift(value, time)
      if (time - (times[0] as number) > window) this.shift(value, time)
    } else if (times[1] === times[0] && elapsed > window / 4) {
      values[1] = values[2] = value
      times[1] = times[2] = time
    } else if (times[2] === times[1] && elapsed > window / 2) {
      values[2] = value
      times[2] = time
    }
  }

  private shift(value: number, time: number): void {
    const { values, times } = this
    values[0] = values[1] as number
    values[1] = values[2] as number
    values[2] = value
    times[0] = times[1] as number
    times[1] = times[2] as number
    times[2] = time
  }
}

/** The largest of the samples of a cycle and of the one before it, exactly; a cycle without samples does not count. */
export class TwoCycleMax {
  private previous = 0
  private current = 0
  private cycle = 0

  get best(): number {
    return Math.max(this.previous, this.current)
  }

  update(value: number, cycle: number): void {
    if (cycle !== this.cycle) {
      this.previous = this.current
      this.current = 0
      this.cycle = cycle
    }
    if (value > this.current) this.current = value
  }

  /** The samples were too large: `value` is known. */
  limit(value: number): void {
    this.previous = Math.min(this.previous, value)
    this.current = Math.min(this.current, value)
  }
}
