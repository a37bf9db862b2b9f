import { cpus } from 'node:os'
import { processCpuSeconds } from '../../rl/rollout/threadCpu.js'

/**
 * Says at every call which share of all cores other programs have used since the last one: figures measured
 * meanwhile are slower for it.
 */
export function otherPrograms(): () => number {
  let before = reading()
  return () => {
    const now = reading()
    const others = now.busy - before.busy - (now.own - before.own)
    const all = cpus().length * (now.at - before.at)
    before = now
    return Math.max(0, others / all)
  }
}

/** Seconds. */
function reading() {
  const ms = cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0)
  return { busy: ms / 1000, own: processCpuSeconds(), at: performance.now() / 1000 }
}
