// A test of one file run again in a network namespace of its own, made with root and iproute2, or with user namespaces.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))

/** A namespace that `setUp`, commands of a shell, has prepared. */
export class Namespace {
  private readonly unshare: readonly string[] | undefined
  private readonly setUp: readonly string[]

  constructor(setUp: readonly string[]) {
    this.setUp = setUp
    this.unshare = [['-n'], ['-rn']].find((flags) => {
      return spawnSync('unshare', [...flags, 'sh', '-ec', setUp.join('; ')], { stdio: 'ignore' }).status === 0
    })
  }

  /** This machine lets us have one. */
  get exists(): boolean {
    return this.unshare !== undefined
  }

  /** Runs the tests of `file` that `name` is a part of. @returns the exit code, and what was printed. */
  run(file: string, name: string, environment: Record<string, string> = {}): [number | null, string] {
    const rerun = [process.execPath, vitest, 'run', file, '-t', name]
    const command = [...this.setUp, `exec ${rerun.map((word) => `'${word}'`).join(' ')}`].join('; ')
    const { status, stdout, stderr } = spawnSync('unshare', [...(this.unshare ?? []), 'sh', '-ec', command], {
      cwd: root,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', ...environment },
    })
    return [status, stdout + stderr]
  }
}
