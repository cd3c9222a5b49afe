// RESULTS.md: one section for each workload; a run replaces the sections of what it ran, and leaves the others.
// Below its figures a section has what bench/notes says of it: why a row is what it is.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { machine } from './machine.js'
import { groups } from './workloads/by-name.js'
import { goals } from './workloads/goals.js'
import type { Picture } from './workloads/workload.js'

/** From dist/bench. */
const FILE = fileURLToPath(new URL('../../bench/RESULTS.md', import.meta.url))
const PICTURES = new URL('../../docs/pictures/', import.meta.url)
const NOTES = new URL('../../bench/notes/', import.meta.url)
const HEAD = `# Results

Written by \`npm run bench\`; each section names the command that wrote it. Absolute figures belong to the machine
that they were measured on, and to what else it did meanwhile; compare rows of one table.
`

/** The sections of what --prof has found begin so. */
export const PROFILED = 'profiles'
/** Of workloads: what is to be shown first, then as they are listed. */
const ORDER = [goals.name, ...Object.values(groups).flatMap((some) => some.map(({ name }) => name)), PROFILED]
const placeOf = (title: string): number => ORDER.indexOf(title.split(':', 1)[0])

function sectionsOf(text: string): Map<string, string> {
  const sections = new Map<string, string>()
  for (const part of text.split(/^## /m).slice(1)) {
    const end = part.indexOf('\n')
    sections.set(part.slice(0, end), part.slice(end + 1).trim())
  }
  return sections
}

/** `links: mobile` is explained in links-mobile.md. */
function noteOn(workload: string): string {
  const file = new URL(`${workload.replace(': ', '-')}.md`, NOTES)
  if (!existsSync(file)) return ''
  // its links lead from bench/notes, those of RESULTS.md from bench
  return `\n\n${readFileSync(file, 'utf8').trim().replaceAll('](../../', '](../')}`
}

/** Puts the text of one workload in its place, and its picture with the others. */
export function writeResult(workload: string, command: string, text: string, picture?: Picture): void {
  const sections = sectionsOf(existsSync(FILE) ? readFileSync(FILE, 'utf8') : '')
  const shown = picture === undefined ? '' : `\n\n![${picture.summary}](../docs/pictures/${picture.file})`
  if (picture !== undefined) writeFileSync(new URL(picture.file, PICTURES), picture.svg)
  sections.set(workload, `\`${command}\` (${machine()})${shown}\n\n${text}${noteOn(workload)}`)
  const ordered = [...sections].sort(([a], [b]) => placeOf(a) - placeOf(b))
  const body = ordered.map(([name, content]) => `## ${name}\n\n${content}\n`)
  writeFileSync(FILE, [HEAD, ...body].join('\n'))
}
