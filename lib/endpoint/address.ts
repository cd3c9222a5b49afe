// IP literals as the machine writes them, so that a string comparison tells two addresses apart (RFC 5952, RFC 4291 §2.5.5.2).

const MAPPED = '::ffff:'

/** As it is. */
export function asIs(address: string): string {
  return address
}

export function isIPv6(address: string): boolean {
  return address.includes(':')
}

export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

/** Whether it never leaves the machine. */
export function isLoopback(address: string): boolean {
  return address === '::1' || unmapped(address).startsWith('127.')
}

/** '::ffff:a.b.c.d' for an IPv4 address; IPv6 stays. */
export function mapped(address: string): string {
  return isIPv6(address) ? address : MAPPED + address
}

/** 'a.b.c.d' for '::ffff:a.b.c.d'; anything else stays. */
export function unmapped(address: string): string {
  return address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address
}

/** Whether this is, or stands for, an IPv4 address. */
export function isIPv4Like(address: string): boolean {
  return !isIPv6(unmapped(address))
}

/** The spelling in which datagrams from `literal` are reported; a zone ('%eth0') is kept. What is no IPv6 literal stays as it is. */
export function canonical(literal: string): string {
  if (!isIPv6(literal)) return literal
  const percent = literal.indexOf('%')
  const zone = percent < 0 ? '' : literal.slice(percent)
  const words = parseIPv6(percent < 0 ? literal : literal.slice(0, percent))
  return words === null ? literal : formatIPv6(words) + zone
}

/** Whether it may be one machine's: no multicast, no broadcast to all, nothing reserved (RFC 1122 §3.2.1.3). A network's own broadcast is not known here. */
export function isUnicast(address: string): boolean {
  const bare = unmapped(address)
  return isIPv6(bare) ? !/^ff/i.test(bare) : Number(bare.slice(0, bare.indexOf('.'))) < 224
}

/** Where a connection to `address` really goes: the unspecified address means this machine (as kernels take it). */
export function destination(address: string): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  return address === '::' ? '::1' : address
}

function parseIPv6(literal: string): number[] | null {
  const halves = literal.split('::')
  if (halves.length > 2) return null
  const head = parseWords(halves[0] as string)
  const tail = halves.length === 2 ? parseWords(halves[1] as string) : []
  if (head === null || tail === null) return null
  if (halves.length === 1) return head.length === 8 ? head : null
  const zeros = 8 - head.length - tail.length
  return zeros < 1 ? null : [...head, ...new Array<number>(zeros).fill(0), ...tail]
}

function parseWords(text: string): number[] | null {
  if (text === '') return []
  const words: number[] = []
  for (const part of text.split(':')) {
    if (part.includes('.')) {
      const [a, b, c, d] = part.split('.').map(Number)
      if (a === undefined || b === undefined || c === undefined || d === undefined) return null
      words.push(a * 256 + b, c * 256 + d)
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(part)) return null
      words.push(Number.parseInt(part, 16))
    }
  }
  return words
}

function formatIPv6(words: readonly number[]): string {
  // the longest run of two or more zero words, the first of equals (RFC 5952 §4.2)
  let start = -1
  let length = 1
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && words[end] === 0) end++
    if (end - i > length) {
      start = i
      length = end - i
    }
    if (end > i) i = end
  }
  const carriesIPv4 = start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff))
  const groups = words.map((word) => word.toString(16))
  if (carriesIPv4) {
    const [high, low] = [words[6] as number, words[7] as number]
    groups.splice(6, 2, `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`)
  }
  if (start < 0) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}
