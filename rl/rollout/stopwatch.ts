/**
 * Seconds of one thread by what it was doing. Every lap gives all the time since the last one to a phase, so the phases
 * add up to the time from the beginning to the last lap, whatever happens in between.
 */
export class Stopwatch<Phase extends string> {
  /** Seconds. */
  readonly phases: Record<Phase, number>
  private last = performance.now()

  constructor(phases: readonly Phase[]) {
    this.phases = Object.fromEntries(phases.map((phase) => [phase, 0])) as Record<Phase, number>
  }

  /** What was done since the last lap. */
  lap(phase: Phase): void {
    const now = performance.now()
    this.phases[phase] += (now - this.last) / 1000
    this.last = now
  }
}
