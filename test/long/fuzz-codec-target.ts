// What the coverage-guided fuzzer calls with whatever it has thought of: it is told by an exception that something does not hold.
import { checkCodec } from '../support/mangle.js'

export function fuzz(data: Buffer): void {
  checkCodec(new Uint8Array(data))
}
