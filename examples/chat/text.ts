// What strangers send is cleaned before it reaches a terminal or a file system; sizes and rates for people.
import { stripVTControlCharacters } from 'node:util'

// Controls, line separators, and what turns the direction of writing or hides.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu
export const LONGEST_LINE = 4000

/** One line that cannot move the cursor, change colours or turn text round. */
export function cleanText(text: string): string {
  return printable(text.slice(0, 2 * LONGEST_LINE)).slice(0, LONGEST_LINE)
}

/** Whether cleanText() cuts it. */
export function isTooLong(text: string): boolean {
  return printable(text).length > LONGEST_LINE
}

function printable(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[\t\r\n]+/gu, ' ')
    .replace(UNPRINTABLE, '')
}

/** A name of 1 to 24 characters without spaces, and without what the chat writes around names. */
export function cleanName(name: string): string {
  const clean = cleanText(name.slice(0, 200))
    .trim()
    .replace(/[\s<>*[\]/\\]+/gu, '_')
  return [...clean].slice(0, 24).join('') || 'guest'
}

/** A file name without path, controls, leading dots, or what some system refuses; at most 120 bytes. */
export function cleanFileName(path: string): string {
  const base = cleanText(path).split(/[/\\]/u).pop() ?? ''
  let name = base
    .replace(/[<>:"|?*]/gu, '_')
    .replace(/^[.\s]+|[.\s]+$/gu, '')
    .replace(/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/iu, '_$1$2')
  const dot = name.lastIndexOf('.')
  let extension = dot > 0 && name.length - dot <= 12 ? name.slice(dot) : ''
  let stem = [...name.slice(0, name.length - extension.length)]
  if (Buffer.byteLength(extension) > 40) [stem, extension] = [[...name], '']
  while (stem.length > 1 && Buffer.byteLength(stem.join('')) + Buffer.byteLength(extension) > 120) stem.pop()
  name = stem.join('') + extension
  return name || 'file'
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** 1234567 -> `1.2 MB` */
export function size(bytes: number): string {
  let unit = 0
  while (bytes >= 999.5 && unit < UNITS.length - 1) {
    bytes /= 1000
    unit++
  }
  return `${unit === 0 || bytes >= 99.5 ? Math.round(bytes) : bytes.toFixed(1)} ${UNITS[unit]}`
}

/** An address and a port as one writes them. */
export function place(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** Whether an address means "this machine" wherever it is written. */
export function isLoopback(address: string): boolean {
  return /^(::ffff:)?127\.|^::1$/u.test(address)
}
