// Makes of lib/ what the package's doors lead to: few files, in which V8 knows what a call calls (docs/decisions/041-doors-in-few-files.md).
//
//   node scripts/doors.mjs <folder with lib/, package.json and tsconfig.json>
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { build } from 'esbuild'

const root = resolve(process.argv[2] ?? '.')
const { exports: doors } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const outdir = join(root, dirname(doors['.'].default))

/** By the name of the file that it leads to: the source of which that is made. */
const entryPoints = Object.values(doors)
  .filter((door) => typeof door === 'object')
  .map(({ types, default: file }) => ({
    in: join(root, types.replace('./dist/', '').replace(/\.d\.ts$/, '.ts')),
    out: join(root, file).slice(outdir.length + 1, -'.js'.length),
  }))

await build({
  entryPoints,
  outdir,
  chunkNames: 'parts/[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'es2022',
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'error',
})
