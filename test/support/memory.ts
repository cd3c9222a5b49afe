// How much memory is in use: after a collection, so that what can go has gone.
import v8 from 'node:v8'
import vm from 'node:vm'

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void

/** Bytes of JavaScript objects and of ArrayBuffers. */
export async function memoryInUse(): Promise<number> {
  // memory of ArrayBuffers goes in the background, after the collection that finds it free
  for (let i = 0; i < 3; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
