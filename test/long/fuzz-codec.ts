// Coverage-guided fuzzing of the codec with Jazzer.js (libFuzzer), installed into fuzz/ on first use: `npm run fuzz:codec -- --help`.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Random } from '../../lib/testing/random.js'
import { ACK, Segment, SYN } from '../../lib/wire/segment.js'
import { keptInputs, mangle } from '../support/mangle.js'
import { datagramOf } from '../support/segments.js'
import { choose } from './command-line.js'

/** From dist/test/long. */
const FOLDER = fileURLToPath(new URL('../../../fuzz/', import.meta.url))
const KEPT = join(FOLDER, 'corpus.txt')
const MODULE = join(FOLDER, 'node_modules/@jazzer.js/core')

const { runs, seed } = choose(
  'Coverage-guided fuzzing of the wire codec with Jazzer.js, which needs glibc 2.38 on Linux. What it finds new goes to fuzz/corpus.txt.',
  'fuzz:codec',
  {
    runs: { meaning: 'how many inputs to try', default: 1_000_000 },
    seed: { meaning: 'of the fuzzer', default: 1, least: 0 },
  },
)

/** What the fuzzer works on; what is kept of it is in KEPT. */
const CORPUS = mkdtempSync(join(tmpdir(), 'tcp-over-udp-fuzz-'))
install()
plant()
const target = fileURLToPath(new URL('./fuzz-codec-target.js', import.meta.url))
const limits = [`-runs=${runs}`, `-seed=${seed}`, '-max_len=2048', '-print_final_stats=1']
const args = ['dist/cli.js', target, CORPUS, '--sync', '--includes', 'dist/lib/wire', '--', ...limits]
const { status } = spawnSync(process.execPath, [join(MODULE, args[0] as string), ...args.slice(1)], {
  cwd: FOLDER,
  stdio: 'inherit',
})
console.log(status === 0 ? `${runs} inputs: nothing failed, ${keep()} kept in fuzz/corpus.txt` : 'FAILED: see above')
rmSync(CORPUS, { recursive: true, force: true })
process.exit(status ?? 1)

function install(): void {
  const { dependencies } = JSON.parse(readFileSync(join(FOLDER, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const installed = join(MODULE, 'package.json')
  const version = existsSync(installed) ? JSON.parse(readFileSync(installed, 'utf8')).version : undefined
  if (version === dependencies['@jazzer.js/core']) return
  process.stderr.write('fuzz:codec: installing Jazzer.js into fuzz/ …\n')
  const quiet = ['--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync('npm', ['install', ...quiet], { cwd: FOLDER, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** The corpus as it was kept, or, if there is none, a SYN and an ACK and what our own fuzzer makes of them. */
function plant(): void {
  const seeds = existsSync(KEPT) ? keptInputs(readFileSync(KEPT, 'latin1')) : begin()
  for (const [i, bytes] of seeds.entries()) writeFileSync(join(CORPUS, `seed-${i}`), bytes)
}

function begin(): Uint8Array[] {
  const syn = Object.assign(new Segment(), {
    flags: SYN,
    mss: 1460,
    windowScale: 7,
    sackPermitted: true,
    hasTimestamps: true,
  })
  const ack = Object.assign(new Segment(), { flags: ACK, hasTimestamps: true, sackCount: 3 })
  const random = new Random(1)
  const [first, second] = [datagramOf(syn), datagramOf(ack)]
  return [first, second, ...Array.from({ length: 62 }, () => mangle(first, second, random).subarray(0, 200))]
}

/** One input a line, in hexadecimal: a text of moderate size in place of many small files. */
function keep(): number {
  const inputs = readdirSync(CORPUS).map((name) => readFileSync(join(CORPUS, name)).toString('hex'))
  const lines = [...new Set(inputs)].filter((line) => line !== '').sort()
  writeFileSync(KEPT, `${lines.join('\n')}\n`)
  return lines.length
}
