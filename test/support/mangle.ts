// Datagrams that hostile or broken peers send: random bytes, real segments changed, segments that are right but for one field.
import type { Random } from '../../lib/testing/random.js'
import { decode, encode, HEADER_LENGTH, MAX_HEADER_LENGTH, Segment } from '../../lib/wire/segment.js'
import { must } from './fuzz.js'

/** Of what is near a real number, how far. */
const REACHES = [1, 2, 536, 1448, 65_535, 1_000_000, 2 ** 31]
const EDGES = [0, 1, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]
/** Kinds that are known, with the lengths that are right, and some that mean nothing here. */
const KINDS = [0, 1, 2, 3, 4, 5, 8, 6, 19, 28, 29, 34, 253, 254]
const LENGTHS = [0, 1, 2, 3, 4, 10, 18, 26, 34, 40, 255]

type Change = (bytes: Uint8Array, random: Random) => Uint8Array

/** A datagram made from `real`, one that the same two ends have exchanged, and `other`, another. */
export function mangle(real: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  switch (random.below(16)) {
    case 0:
      return random.fill(new Uint8Array(random.below(random.chance(0.02) ? 65_508 : 120)))
    case 1:
      return withPorts(random.fill(new Uint8Array(HEADER_LENGTH + random.below(120))), real)
    case 2:
      return flipped(real, random)
    case 3:
      return real.slice(0, random.below(real.length + 1))
    case 4:
      return joined(real, random.fill(new Uint8Array(random.below(100))))
    case 5:
      return joined(real.subarray(0, random.below(real.length + 1)), other.subarray(random.below(other.length + 1)))
    case 6:
      return real.slice()
    case 7:
      return withOptions(real, random)
    default:
      return changed(real, random)
  }
}

function changed(real: Uint8Array, random: Random): Uint8Array {
  let bytes: Uint8Array = real.slice()
  if (bytes.length < HEADER_LENGTH) return bytes
  for (let changes = random.chance(0.7) ? 1 : 1 + random.below(4); changes > 0; changes--) {
    bytes = (CHANGES[random.below(CHANGES.length)] as Change)(bytes, random)
  }
  return bytes
}

const CHANGES: readonly Change[] = [
  (bytes, random) => near(bytes, 4, random),
  (bytes, random) => near(bytes, 4, random),
  (bytes, random) => near(bytes, 8, random),
  (bytes, random) => near(bytes, 8, random),
  (bytes, random) => set(bytes, 12, random.below(256)),
  (bytes, random) => set(bytes, 13, 1 << random.below(8)),
  (bytes, random) => set(bytes, 13, random.below(256)),
  (bytes, random) => set(set(bytes, 14, random.below(256)), 15, random.below(256)),
  (bytes) => set(set(bytes, 14, 0), 15, 0),
  (bytes, random) => set(bytes, random.below(4), random.below(256)),
  (bytes, random) => set(bytes, 16 + random.below(4), random.below(256)),
  (bytes, random) => optionNumber(bytes, random),
  (bytes, random) => optionNumber(bytes, random),
  (bytes, random) =>
    bytes.length > HEADER_LENGTH ? set(bytes, HEADER_LENGTH + random.below(40), random.below(256)) : bytes,
  (bytes, random) => joined(bytes.subarray(0, headerOf(bytes)), random.fill(new Uint8Array(random.below(1500)))),
  (bytes) => bytes.slice(0, headerOf(bytes)),
]

const headerOf = (bytes: Uint8Array): number => Math.min(bytes.length, ((bytes[12] as number) >> 4) * 4)

function set(bytes: Uint8Array, at: number, value: number): Uint8Array {
  if (at < bytes.length) bytes[at] = value
  return bytes
}

/** The u32 at `at` becomes one near it, or one that is an edge. */
function near(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  if (at + 4 > bytes.length) return bytes
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const reach = REACHES[random.below(REACHES.length)] as number
  const by = random.chance(0.5) ? reach : random.below(2 * reach) - reach
  view.setUint32(at, random.chance(0.2) ? (EDGES[random.below(EDGES.length)] as number) : view.getUint32(at) + by)
  return bytes
}

/** A timestamp or a SACK edge. */
function optionNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const words = (headerOf(bytes) - HEADER_LENGTH) >> 2
  return words > 0 ? near(bytes, HEADER_LENGTH + 4 * random.below(words), random) : bytes
}

function withPorts(bytes: Uint8Array, real: Uint8Array): Uint8Array {
  bytes.set(real.subarray(0, 4))
  return bytes
}

function flipped(real: Uint8Array, random: Random): Uint8Array {
  const bytes = real.slice()
  for (let bits = 1 + random.below(8); bits > 0; bits--) {
    const at = random.below(bytes.length)
    set(bytes, at, (bytes[at] as number) ^ (1 << random.below(8)))
  }
  return bytes
}

/** The real segment with a soup of options in place of its own. */
function withOptions(real: Uint8Array, random: Random): Uint8Array {
  if (real.length < HEADER_LENGTH) return real.slice()
  const options = new Uint8Array(4 * random.below(11))
  for (let at = 0; at < options.length; ) {
    const kind = random.chance(0.1) ? random.below(256) : (KINDS[random.below(KINDS.length)] as number)
    const length = random.chance(0.1) ? random.below(256) : (LENGTHS[random.below(LENGTHS.length)] as number)
    set(set(random.fill(options.subarray(at)), 0, kind), 1, length)
    at += kind < 2 ? 1 : Math.max(length, 1)
  }
  const bytes = joined(real.subarray(0, HEADER_LENGTH), options, real.subarray(headerOf(real)))
  return set(bytes, 12, ((HEADER_LENGTH + options.length) >> 2) << 4)
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** The inputs that the coverage-guided fuzzer has kept: one a line, in hexadecimal. */
export function keptInputs(text: string): Uint8Array[] {
  return text.split('\n').flatMap((line) => (line === '' ? [] : [new Uint8Array(Buffer.from(line, 'hex'))]))
}

const first = new Segment()
const second = new Segment()
const scratch = new Uint8Array(MAX_HEADER_LENGTH)

/** What holds of the codec for any bytes. @returns whether they are a segment. @throws Error that says what does not */
export function checkCodec(bytes: Uint8Array): boolean {
  const good = decode(bytes, first)
  const framed = joined(Uint8Array.of(0xff, 0xff, 0xff), bytes, Uint8Array.of(0xff))
  must(decode(framed, second, 3, 3 + bytes.length) === good, 'what lies around a datagram does not matter')
  if (!good) return false
  mustEqual(first, second)
  must(first.textLength <= bytes.length - HEADER_LENGTH && first.sackCount <= 4, 'no more is read than there is')
  for (const [name, most] of RANGES) {
    const value = first[name] as number
    must(Number.isInteger(value) && value >= (name === 'windowScale' ? -1 : 0) && value <= most, `${name} ${value}`)
  }
  const length = encode(first, scratch)
  must(length >= HEADER_LENGTH && length <= MAX_HEADER_LENGTH && length % 4 === 0, `a header of ${length}`)
  must(decode(scratch, second, 0, length), 'what is written can be read')
  first.sackCount = second.sackCount // as many blocks as fit beside the other options
  mustEqual(first, second)
  return true
}

const RANGES = [
  ['sourcePort', 0xffff],
  ['destinationPort', 0xffff],
  ['seq', 0xffff_ffff],
  ['ack', 0xffff_ffff],
  ['flags', 0x3f],
  ['window', 0xffff],
  ['mss', 0xffff],
  ['windowScale', 0xff],
  ['tsVal', 0xffff_ffff],
  ['tsEcr', 0xffff_ffff],
  ['sackCount', 4],
] as const

function mustEqual(a: Segment, b: Segment): void {
  for (const [name] of RANGES) must(a[name] === b[name], `${name}: ${a[name]} or ${b[name]}`)
  must(a.sackPermitted === b.sackPermitted && a.hasTimestamps === b.hasTimestamps, 'the same options')
  for (let i = 0; i < 2 * a.sackCount; i++) must(a.sackEdges[i] === b.sackEdges[i], 'the same SACK blocks')
}
