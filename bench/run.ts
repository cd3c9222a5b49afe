// `npm run bench`: runs the workloads that are asked for, prints their tables and writes RESULTS.md.
import { type CommandLine, commandLine, HELP } from './command-line.js'
import { drawProfiles, forgetProfiles } from './flame-graphs.js'
import { PROFILED, writeResult } from './results.js'
import { chosenWorkloads, isOverLoopback } from './workloads/by-name.js'
import type { Workload } from './workloads/workload.js'

/** A workload, or a part of one: a section of RESULTS.md. */
interface Job {
  readonly workload: Workload
  readonly part: string
  readonly title: string
  /** What makes it again. */
  readonly command: string
}

/** Of all that is asked for: a table of targets is made of what ran before it, so the whole command belongs to it. */
function jobsOf(workload: Workload, { settings, flags, names }: CommandLine): Job[] {
  const { name } = workload
  const title = settings.profileFolder === undefined ? name : `${PROFILED}: ${name}`
  const command = ['npm run bench --', ...flags]
  const parts = workload.parts?.(settings)
  if (parts === undefined) return [{ workload, part: '', title, command: [...command, ...names].join(' ') }]
  return parts.map((part) => ({
    workload,
    part,
    title: `${name}: ${part}`,
    command: [...command, name, '--profile', part].join(' '),
  }))
}

/** Quick looks over loopback are not worth keeping. */
function isKept({ workload }: Job, { dry, settings }: CommandLine): boolean {
  if (dry) return false
  const { full, from, profileFolder } = settings
  return !isOverLoopback(workload) || full || from !== undefined || profileFolder !== undefined
}

async function main(args: string[]): Promise<void> {
  const line = commandLine(args)
  const { settings, names } = line
  const { progress, profileFolder } = settings
  if (line.help) {
    console.log(HELP)
    return
  }
  const workloads = chosenWorkloads(names, settings.full)
  if (profileFolder !== undefined) {
    if (names.length === 0 || !workloads.every(isOverLoopback)) throw new Error('--prof takes workloads over loopback')
    forgetProfiles()
  }
  const jobs = workloads.flatMap((workload) => jobsOf(workload, line))
  progress.begin(jobs.reduce((sum, { workload, part }) => sum + workload.steps(settings, part), 0))
  try {
    for (const job of jobs) {
      const { workload, part, title, command } = job
      const text = await workload.run(settings, part)
      progress.print(`\n${title}\n\n${text}`)
      if (isKept(job, line)) writeResult(title, command, text, await workload.picture?.(settings))
    }
  } finally {
    progress.close()
  }
  if (profileFolder !== undefined) drawProfiles()
}

main(process.argv.slice(2)).catch((error: Error) => {
  console.error(`\nbench: ${error.message}`)
  process.exitCode = 1
})
