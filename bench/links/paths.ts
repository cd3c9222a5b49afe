// The bad paths of the benchmarks, by name: what each direction does to datagrams.
import type { LinkOptions } from '../../lib/testing/link.js'

export interface Path {
  readonly summary: string
  /** Of each direction. */
  readonly link: Partial<LinkOptions>
}

export const paths: Readonly<Record<string, Path>> = {
  lossy: { summary: '5 % loss in each direction, 50 ms round trip', link: { loss: 0.05, delay: 25 } },
}
