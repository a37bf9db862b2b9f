/** Process that times our training steps: `node trainingChild.js <result name> <threads> <seed>`; see StepProcess. */
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { createOrtBackend } from '../../rl/backend/ortBackend.js'
import type { StepReport } from './stepProcess.js'
import { learningRate, maxGradNorm, trainingProblem } from './trainingProblems.js'

const peakMemoryMB = () => (process.resourceUsage().maxRSS * 1024) / 1e6

const [name, threads, seed] = process.argv.slice(2)
const baselineMemoryMB = peakMemoryMB()
const { forward, parameters, feeds } = trainingProblem(name, Number(seed))
const backend = await createOrtBackend(forward, {
  loss: 'loss',
  groups: [{ parameters: [...parameters.keys()], lr: 'lr' }],
  maxGradNorm,
  threads: Number(threads),
})
const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json')

for await (const line of createInterface({ input: process.stdin })) {
  const [milliseconds, losses, gradNorms]: number[][] = [[], [], []]
  for (let i = 0; i < Number(line.split(' ')[1]); i++) {
    const start = performance.now()
    const result = await backend.step({ ...feeds, lr: learningRate })
    milliseconds.push(performance.now() - start)
    losses.push(result.loss)
    gradNorms.push(result.gradNorm)
  }
  const report: StepReport = {
    milliseconds,
    losses,
    gradNorms,
    peakMemoryMB: peakMemoryMB(),
    baselineMemoryMB,
    version: `onnxruntime-node ${version}`,
  }
  process.stdout.write(`${JSON.stringify(report)}\n`)
}
await backend.release()
