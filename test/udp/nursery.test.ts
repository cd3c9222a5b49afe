// Received text must not have V8 mark all of the heap again and again (decision 031). In a process of its own: what else is in a heap counts.
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'

const NURSERY = pathToFileURL(resolve('dist/lib/platform/nursery.js')).href

/** Major collections, and young ones, while 2 GiB of Buffers come and go beside a heap of some MiB. */
function collections(): { major: number; minor: number } {
  const program = `
    import { PerformanceObserver, constants } from 'node:perf_hooks'
    import { noteAllocated } from ${JSON.stringify(NURSERY)}
    const alive = Array.from({ length: 100000 }, (_, i) => ({ i, more: [i] }))
    let major = 0, minor = 0
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) {
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) major++
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) minor++
      }
    }).observe({ entryTypes: ['gc'] })
    let last
    for (let i = 0; i < 32768; i++) {
      last = Buffer.allocUnsafeSlow(65536)
      noteAllocated(65536)
      if (i % 16 === 0) await new Promise(setImmediate)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
    console.log(JSON.stringify({ major, minor, alive: alive.length, last: last.length }))`
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }))
}

it('memory that comes and goes has V8 collect what is young', () => {
  const { major, minor } = collections()
  expect(minor).toBeGreaterThan(20)
  expect(major).toBeLessThan(6)
})
