// SipHash-2-4 (Aumasson and Bernstein, 2012) over 32-bit words: a keyed hash that a flood of half a million SYNs a second can afford.

/** One hash at a time: begin(), what is to be hashed, finish(); nothing is allocated. */
export class SipHash {
  /** The 64 bits of the last finish(), in two halves, u32. */
  low = 0
  high = 0
  private readonly key: Int32Array
  // v0 to v3, low and high halves
  private a = 0
  private b = 0
  private c = 0
  private d = 0
  private e = 0
  private f = 0
  private g = 0
  private h = 0
  /** The first word of a block that waits for its second. */
  private waiting = 0
  private words = 0

  /** `key`: 16 bytes. */
  constructor(key: Uint8Array) {
    const view = new DataView(key.buffer, key.byteOffset, 16)
    this.key = Int32Array.from([0, 4, 8, 12], (at) => view.getInt32(at, true))
  }

  begin(): void {
    const [k0, k1, k2, k3] = this.key as unknown as [number, number, number, number]
    this.a = k0 ^ 0x70736575
    this.b = k1 ^ 0x736f6d65
    this.c = k2 ^ 0x6e646f6d
    this.d = k3 ^ 0x646f7261
    this.e = k0 ^ 0x6e657261
    this.f = k1 ^ 0x6c796765
    this.g = k2 ^ 0x79746573
    this.h = k3 ^ 0x74656462
    this.words = 0
  }

  word(value: number): void {
    if ((this.words++ & 1) === 0) this.waiting = value | 0
    else this.block(this.waiting, value | 0)
  }

  /** Its length, and its characters, four in a word: of an address each has 7 bits. */
  text(value: string): void {
    const { length } = value
    this.word(length)
    let word = 0
    for (let i = 0; i < length; i++) {
      word = (word << 8) ^ value.charCodeAt(i)
      if ((i & 3) === 3) {
        this.word(word)
        word = 0
      }
    }
    if (length & 3) this.word(word)
  }

  finish(): void {
    this.block((this.words & 1) === 1 ? this.waiting : 0, (this.words * 4) << 24)
    this.e ^= 0xff
    for (let i = 0; i < 4; i++) this.round()
    this.low = (this.a ^ this.c ^ this.e ^ this.g) >>> 0
    this.high = (this.b ^ this.d ^ this.f ^ this.h) >>> 0
  }

  private block(low: number, high: number): void {
    this.g ^= low
    this.h ^= high
    this.round()
    this.round()
    this.a ^= low
    this.b ^= high
  }

  /** SipRound. */
  private round(): void {
    let { a, b, c, d, e, f, g, h } = this
    let t: number
    // v0 += v1; v1 <<<= 13; v1 ^= v0; v0 <<<= 32
    t = (a >>> 0) + (c >>> 0)
    a = t | 0
    b = (b + d + (t > 0xffffffff ? 1 : 0)) | 0
    t = (c << 13) | (d >>> 19)
    d = ((d << 13) | (c >>> 19)) ^ b
    c = t ^ a
    t = a
    a = b
    b = t
    // v2 += v3; v3 <<<= 16; v3 ^= v2
    t = (e >>> 0) + (g >>> 0)
    e = t | 0
    f = (f + h + (t > 0xffffffff ? 1 : 0)) | 0
    t = (g << 16) | (h >>> 16)
    h = ((h << 16) | (g >>> 16)) ^ f
    g = t ^ e
    // v0 += v3; v3 <<<= 21; v3 ^= v0
    t = (a >>> 0) + (g >>> 0)
    a = t | 0
    b = (b + h + (t > 0xffffffff ? 1 : 0)) | 0
    t = (g << 21) | (h >>> 11)
    h = ((h << 21) | (g >>> 11)) ^ b
    g = t ^ a
    // v2 += v1; v1 <<<= 17; v1 ^= v2; v2 <<<= 32
    t = (e >>> 0) + (c >>> 0)
    e = t | 0
    f = (f + d + (t > 0xffffffff ? 1 : 0)) | 0
    t = (c << 17) | (d >>> 15)
    d = ((d << 17) | (c >>> 15)) ^ f
    c = t ^ e
    t = e
    e = f
    f = t
    this.a = a
    this.b = b
    this.c = c
    this.d = d
    this.e = e
    this.f = f
    this.g = g
    this.h = h
  }
}
