import { join } from 'node:path'
import { expect, it } from 'vitest'
import { savePolicy } from '../../policy/index.js'
import { benchmarkRemotePolicy, remoteText } from '../../scripts/benchmarks/remotePolicy.js'
import { randomPolicy } from '../rl/testPolicy.js'
import { temporaryFolder } from './cli.js'

it('the remote benchmark times both ways with pictures of any size', async () => {
  const policy = join(temporaryFolder(), 'policy')
  savePolicy(policy, randomPolicy(0))
  const figures = await benchmarkRemotePolicy({
    policy,
    embodiment: 'widowx',
    threads: 1,
    device: 'cpu',
    loads: [
      { clients: 1, rows: 2 },
      { clients: 3, rows: 1 },
    ],
    image: 96,
    format: 'png',
    seconds: 0.1,
  })
  for (const { clients, rows, inProcess, remote } of figures) {
    for (const { requestsPerSecond, p50, p95, n } of [inProcess, remote]) {
      // Three calls at least in each of nine rounds.
      expect(n).toBeGreaterThanOrEqual(27 * clients * rows)
      expect(p95).toBeGreaterThanOrEqual(p50)
      expect(requestsPerSecond).toBeGreaterThan(0)
    }
  }
  expect(remoteText(figures[1])).toMatch(/3 x 1 {2}over loopback .* requests\/s .*\n.*the wire adds -?\d+ %/)
})
