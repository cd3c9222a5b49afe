// Received text must not have V8 mark all of the heap again and again (decision 031). In a process of its own: what else is in a heap counts.
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'

const built = (file: string): string => JSON.stringify(pathToFileURL(resolve('dist/lib', file)).href)

interface Collections {
  readonly major: number
  readonly minor: number
}

/** Collections while `receive`, a module's text, runs beside `objects` small ones. */
function collections(objects: number, receive: string): Collections {
  const program = `
    import { PerformanceObserver, constants } from 'node:perf_hooks'
    const alive = Array.from({ length: ${objects} }, (_, i) => ({ i, more: [i] }))
    let major = 0, minor = 0
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) {
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) major++
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) minor++
      }
    }).observe({ entryTypes: ['gc'] })
    ${receive}
    await new Promise((resolve) => setTimeout(resolve, 50))
    console.log(JSON.stringify({ major, minor, alive: alive.length }))
    process.exit()`
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }))
}

const BUFFERS = `
    const { noteAllocated } = await import(${built('platform/nursery.js')})
    let last
    for (let i = 0; i < 32768; i++) {
      last = Buffer.allocUnsafeSlow(65536)
      noteAllocated(65536)
      if (i % 16 === 0) await new Promise(setImmediate)
    }`

/** 500 MB from and to itself. */
const SHORT_SEGMENTS = `
    const { createServer, connect } = await import(${built('index.js')})
    const whole = 5e8, bytes = Buffer.alloc(65536)
    let sent = 0, got = 0
    const server = createServer((socket) => socket.on('data', ({ length }) => { got += length }))
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const client = connect({ port: server.address().port, host: '127.0.0.1', mss: 1440 })
    const write = () => { while ((sent += 65536) < whole && client.write(bytes)); }
    client.on('drain', write).on('connect', write)
    while (got < whole - 131072) await new Promise((resolve) => setTimeout(resolve, 10))`

it.each([100_000, 800_000])('memory that comes and goes has V8 collect what is young, beside %i objects', (objects) => {
  const { major, minor } = collections(objects, BUFFERS)
  expect(minor).toBeGreaterThan(20)
  expect(major).toBeLessThan(8)
})

it('so has the text of short segments', () => {
  const { major, minor } = collections(100_000, SHORT_SEGMENTS)
  expect(minor).toBeGreaterThan(10)
  expect(major).toBeLessThan(8)
})

// before V8 13 it begins to mark at 8 MiB of what is old: just beyond, it marked 25 times (decision 042)
it('nor does it mark a heap that is barely large enough to be marked', () => {
  expect(collections(51_000, BUFFERS).major).toBeLessThan(16)
})
