// Memory for what is received, and its share in when V8 collects (decisions 031, 032 and 042).
import { createRequire } from 'node:module'

const MIB = 2 ** 20
/** Between two looks at what V8 counts. */
const LOOK_EVERY = 4 * MIB
/** What may be added: for 32 MiB V8 acts, since V8 13 for 64, but not all that is young is dead. */
const ROOM = 20 * MIB
/** Since V8 13 it marks all of its heap, however small; before, it collects what is young by itself as long as what is old is no more than 8 MiB. */
const MARKS_ALWAYS = Number.parseInt(process.versions.v8 ?? '', 10) >= 13
const LITTLE_OLD = MARKS_ALWAYS ? 0 : 7.5 * MIB
const NOT_OLD = new Set(['new_large_object_space', 'read_only_space'])
/** To fill more costs more than it saves, unless the heap, which would be marked, is larger. */
const LARGEST = 16 * MIB
/** Of one array: V8 has another space for long ones. */
const FILLER_BYTES = 32 * 1024
const FILLER_LENGTH = FILLER_BYTES / 8 - 4

/** Loaded when the first look is due: most programs never receive as much, and all would wait for it at the start. */
let v8: typeof import('node:v8') | undefined
let unseen = 0
/** Least that V8 has counted since it was made to collect. */
let least = Number.POSITIVE_INFINITY
let isOff = false
/** A compiler might leave out what goes nowhere. */
const filler: { last: unknown[] | null } = { last: null }

/** So many bytes of Buffers have been allocated that a program will hold for a moment. */
export function noteAllocated(bytes: number): void {
  unseen += bytes
  if (unseen < LOOK_EVERY || isOff) return
  unseen = 0
  try {
    v8 ??= createRequire(import.meta.url)('node:v8') as typeof import('node:v8')
    look(v8)
  } catch {
    // a runtime that has no such figures
    isOff = true
  }
}

/** Memory that is given away, for what is gathered: before V8 13 nothing is gained by counting that. */
export const allocate: (length: number) => Uint8Array = MARKS_ALWAYS ? allocateCounted : Buffer.allocUnsafeSlow

function allocateCounted(length: number): Uint8Array {
  noteAllocated(length)
  return Buffer.allocUnsafeSlow(length)
}

function look({ getHeapStatistics, getHeapSpaceStatistics }: typeof import('node:v8')): void {
  const { external_memory: counted, used_heap_size: heap } = getHeapStatistics()
  if (counted < least) least = counted
  if (counted - least < ROOM) return
  let old = 0
  let free = Number.POSITIVE_INFINITY
  for (const { space_name, space_used_size, space_available_size } of getHeapSpaceStatistics()) {
    if (space_name === 'new_space') free = space_available_size
    else if (!NOT_OLD.has(space_name)) old += space_used_size
  }
  if (old < LITTLE_OLD) return
  if (free <= (MARKS_ALWAYS ? Math.max(LARGEST, heap) : LARGEST)) fill(free)
  // what is still there is alive, or will be seen to be gone by the next look
  least = getHeapStatistics().external_memory
}

/** There is no call for a young collection, but one comes when the new space is full, of which `free` bytes are left. */
function fill(free: number): void {
  for (let filled = 0; filled <= free; filled += FILLER_BYTES) filler.last = new Array(FILLER_LENGTH)
  filler.last = null
}
