import type { TrainingBackend } from './trainingBackend.js'

/** The same backend; the seconds of its steps are added to a clock. */
export const timedBackend = (backend: TrainingBackend, clock: { seconds: number }): TrainingBackend => ({
  ...backend,
  async step(feeds) {
    const start = performance.now()
    try {
      return await backend.step(feeds)
    } finally {
      clock.seconds += (performance.now() - start) / 1000
    }
  },
})
