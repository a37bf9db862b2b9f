import { readFileSync } from 'node:fs'

/**
 * Processor seconds that the calling thread has used. Node 20 tells only the whole process's; Linux has each thread's
 * in nanoseconds (man 5 proc, schedstat). Undefined elsewhere.
 */
export function threadCpuSeconds(): number | undefined {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e9
  } catch {
    return undefined
  }
}

/** Difference of two readings. */
export const cpuBetween = (before?: number, after?: number): number | undefined =>
  before === undefined || after === undefined ? undefined : after - before

/** Processor seconds of all threads of this process. */
export function processCpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
