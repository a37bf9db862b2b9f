import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Rng, UserError } from '@vla-gym/gymnasium'
import type { TensorData } from '@vla-gym/onnx-grad'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { loadPolicyData } from '../../policy/index.js'
import {
  lastCheckpoint,
  loadTrainingState,
  resolvePolicyDir,
  saveCheckpoint,
  underPrefix,
  withPrefix,
} from '../../rl/checkpoint.js'
import { randomPolicy } from './testPolicy.js'

const root = mkdtempSync(join(tmpdir(), 'vla-gym-checkpoint-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let runs = 0
let run = ''
beforeEach(() => {
  run = join(root, String(runs++))
})

const policy = randomPolicy(5)
const stateAt = (step: number) => ({
  progress: { stage: 'rl', step },
  tensors: new Map<string, TensorData>([
    ['adam.step', { dtype: 'float32', shape: [1], data: Float32Array.of(step) }],
    ['weight', { dtype: 'float32', shape: [2, 3], data: Rng.fromSeed(step).fillNormal(new Float32Array(6)) }],
  ]),
})
const bytesOf = ({ buffer }: { buffer: ArrayBufferLike }) => new Uint8Array(buffer)
const save = (step: number) => saveCheckpoint(run, step, policy, stateAt(step))
const listed = () => readdirSync(join(run, 'checkpoints')).sort()

describe('checkpoints', () => {
  it('give back policy, progress and tensors, and are policy folders themselves', () => {
    expect(lastCheckpoint(run)).toBe(null)
    expect(save(7)).toBe(join(run, 'checkpoints', '000007'))
    const last = lastCheckpoint(run)!
    expect(loadTrainingState(last)).toEqual(stateAt(7))
    const { parameters } = loadPolicyData(last)
    expect([...parameters.keys()]).toEqual([...policy.parameters.keys()])
    for (const [name, { data }] of parameters)
      expect(Buffer.compare(bytesOf(data), bytesOf(policy.parameters.get(name)!.data)), name).toBe(0)
    for (const path of [run, last]) expect(resolvePolicyDir(path)).toBe(last)
  })

  it('keep the newest three', () => {
    for (const step of [1, 2, 3, 10, 11]) save(step)
    expect(listed()).toEqual(['000003', '000010', '000011', 'last'])
    expect(readlinkSync(join(run, 'checkpoints', 'last'))).toBe('000011')
  })

  it('are whole or absent: what a killed writer left is passed over, then removed', () => {
    save(1)
    const dir = join(run, 'checkpoints')
    // Killed while writing step 2, and between writing step 3 and moving the link.
    mkdirSync(join(dir, '.000002.tmp-99999999-abcd'))
    writeFileSync(join(dir, '.000002.tmp-99999999-abcd', 'weights.safetensors'), 'half of it')
    symlinkSync('000003', join(dir, '.last-99999999'))
    expect(lastCheckpoint(run)).toBe(join(dir, '000001'))
    expect(loadTrainingState(lastCheckpoint(run)!)).toEqual(stateAt(1))
    save(3)
    expect(listed()).toEqual(['000001', '000003', 'last'])
  })

  it('can be written again in place, and stay readable while the run moves on', () => {
    save(1)
    const reader = lastCheckpoint(run)!
    save(2)
    save(2)
    expect(loadTrainingState(reader)).toEqual(stateAt(1))
    expect(loadTrainingState(lastCheckpoint(run)!)).toEqual(stateAt(2))
  })

  it('complain about what is missing and harm nothing', () => {
    save(1)
    const dir = join(run, 'checkpoints')
    writeFileSync(join(run, 'file'), '')
    expect(() => saveCheckpoint(join(run, 'file'), 2, policy, stateAt(2))).toThrow(UserError)
    expect(() => resolvePolicyDir(join(run, 'nothing'))).toThrow(/nothing: no such policy or run folder/)
    expect(() => resolvePolicyDir(dir)).toThrow(/neither a policy folder/)
    writeFileSync(join(dir, '000001', 'training.safetensors'), 'cut')
    expect(() => loadTrainingState(lastCheckpoint(run)!)).toThrow(/training.safetensors has 3 bytes/)
    rmSync(join(dir, '000001'), { recursive: true })
    expect(lastCheckpoint(run)).toBe(null)
    expect(existsSync(join(run, 'file'))).toBe(true)
  })
})

it('prefixes keep the tensors of several optimisers apart', () => {
  const { tensors } = stateAt(1)
  const both = new Map([...withPrefix('actor/', tensors), ...withPrefix('critic/', stateAt(2).tensors)])
  expect(both.size).toBe(4)
  expect(underPrefix('actor/', both)).toEqual(tensors)
  expect(underPrefix('critic/', both)).toEqual(stateAt(2).tensors)
})
