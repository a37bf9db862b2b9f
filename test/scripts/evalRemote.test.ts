import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { NdArray } from '../../policy/wire/ndarray.js'
import type { EvaluationReport } from '../../rl/evaluate.js'
import { type Peer, vlaEvalFrame, vlaEvalPeer } from '../policy/remote/peers.js'
import { runCli, runJson, temporaryFolder } from './cli.js'

const dir = temporaryFolder()
const task = ['--task', 'widowx_carrot_on_plate', '--workers', '1']

const mapping = join(dir, 'mine.json')
writeFileSync(
  mapping,
  JSON.stringify({
    embodiment: 'widowx',
    images: [{ key: 'image', width: 16, height: 16 }],
    instruction: 'prompt',
    actions: { layout: ['action'] },
    executedSteps: 30,
  }),
)

/** Answers that the arm should stand still; not in episode 1 if it is broken. */
let isBroken = false
const broken = new Set<number>()
const server: Peer = await vlaEvalPeer(({ type, payload, seq }, connection) => {
  if (type === 'episode_start') {
    const { episode_idx: episode } = payload.task as { episode_idx: number }
    if (isBroken && episode === 1) broken.add(connection)
  }
  if (type !== 'observation') return undefined
  if (broken.has(connection)) return vlaEvalFrame('error', { error: 'out of memory' }, seq)
  return vlaEvalFrame('action', { actions: new NdArray('f4', [30, 7], new Float32Array(210)) }, seq)
})
afterAll(() => server.close())

const remote = () => ['eval', ...task, '--policy', server.url, '--mapping', mapping]

it('eval asks a server, and tells of live latencies', async () => {
  isBroken = false
  const report = await runJson<EvaluationReport>(...remote(), '--episodes', '2')
  expect(report).toMatchObject({ policy: server.url, remote: { protocol: 'vla-eval', mapping } })
  expect(report.tasks[0].episodes).toBe(2)

  const out = join(dir, 'latencies')
  const call = ['--episodes', '1', '--latencies', '0,400', '--out', out, '--videos', '1']
  const { code, stdout } = await runCli(...remote(), ...call)
  expect(code).toBe(0)
  expect(stdout).toMatch(/ 0 ms +0\/1 +0\.0 % .* 0\.0 %\n +400 ms +0\/1 .* 3\.3 %\n$/)
  for (const name of ['latency-0/report.html', 'latency-400/evaluation.json'])
    expect(existsSync(join(out, name)), name).toBe(true)
  const { evaluations } = JSON.parse(readFileSync(join(out, 'latencies.json'), 'utf8')) as {
    evaluations: EvaluationReport[]
  }
  expect(evaluations.map(({ live }) => live!.latency)).toEqual([0, 400])
})

it('eval that lacks episodes prints what it has, and does not pass', async () => {
  isBroken = true
  const { code, stdout, stderr } = await runCli(...remote(), '--episodes', '3')
  expect(code).toBe(1)
  expect(stdout).toMatch(/carrot_on_plate +0\/2 /)
  expect(stdout).toMatch(/infrastructure failures: 1 episodes not played, in no rate: ws:.*out of memory/)
  expect(stderr).toMatch(/1 episodes could not be played: ws:.*out of memory/)
})

it.each([
  [['--policy', 'ws://127.0.0.1:1', '--mapping', 'openpi-libro'], /mapping 'openpi-libro'.*openpi-libero/],
  [['--policy', 'ws://me:pw@127.0.0.1:1'], /VLA_GYM_API_KEY/],
  [['--policy', 'expert', '--mapping', 'openpi-libero'], /--mapping is for --policy ws:/],
  [['--policy', 'expert', '--live'], /live mode is .* not 'expert'/],
  [['--policy', 'expert', '--live', '--latencies', '0,1'], /leave --live and --latency out/],
  [['--policy', 'expert', '--latencies', '0,-1'], /--latencies.*negative/],
  [['--policy', 'expert', '--latencies', '5,5'], /twice/],
])('eval %j is answered in one line', async (args, message) => {
  const { code, stderr } = await runCli('eval', ...task, '--episodes', '1', ...args)
  expect(code).toBe(2)
  expect(stderr.trim().split('\n').at(-1)).toMatch(message)
})
