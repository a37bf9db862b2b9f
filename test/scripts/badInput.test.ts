import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeModel } from '@vla-gym/onnx-grad'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  ditModel,
  initParameters,
  nanoConfigWith,
  policyFiles,
  savePolicy,
  writeFolder,
} from '../../policy/index.js'
import { randomPolicy } from '../rl/testPolicy.js'
import { runCli, temporaryFolder } from './cli.js'

const dir = temporaryFolder()
const at = (name: string) => join(dir, name)

beforeAll(() => {
  const policy = randomPolicy(1)
  savePolicy(at('policy'), policy)

  cpSync(at('policy'), at('truncated'), { recursive: true })
  const weights = readFileSync(at('policy/weights.safetensors'))
  writeFileSync(at('truncated/weights.safetensors'), weights.subarray(0, weights.length / 2))

  cpSync(at('policy'), at('flipped'), { recursive: true })
  weights[weights.length >> 1] ^= 1
  writeFileSync(at('flipped/weights.safetensors'), weights)

  const wide = nanoConfigWith({ width: 64 })
  const dit = encodeModel(ditModel(wide, initParameters(wide, 1)))
  writeFolder(at('wide'), new Map([...policyFiles(policy), ['dit.onnx', dit]]), policy.manifest)

  mkdirSync(at('empty'))
  writeFileSync(at('file'), 'not a folder')
})

/** Paths, sizes and times of everything in the folder. */
const everything = () =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => [name, statSync(at(name)).size, statSync(at(name)).mtimeMs])

let before: unknown
beforeEach(() => {
  before = everything()
})
afterEach(() => {
  expect(everything()).toEqual(before)
})

async function complaint(line: string): Promise<string> {
  const { code, stdout, stderr } = await runCli(
    ...line.split(' ').map((word) => word.replace('@', `${dir}/`)),
  )
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(/^[^\n]+\n$/)
  return stderr.trim()
}

describe('a wrong call is answered with one line and exit code 2', () => {
  it.each([
    ['evel --policy expert', /unknown command 'evel' \(Did you mean eval\?\)/],
    ['eval --policy expert --episode 2', /eval: unknown option '--episode' \(Did you mean --episodes\?\)/],
    ['eval', /eval: required option '--policy <p>' not specified/],
    [
      'eval --suite simpler-widow --policy expert',
      /unknown suite 'simpler-widow'; nearest known: simpler-widowx/,
    ],
    [
      'eval --task stack_cube --policy expert',
      /unknown task of suite simpler-widowx 'stack_cube'; nearest known: widowx_stack_cube, /,
    ],
    ['eval --policy exprt', /unknown policy 'exprt'; nearest known: expert, still, random/],
    ['check --suite widowx', /unknown suite 'widowx'; nearest known: .*simpler-widowx/],
    ['eval --policy expert --episodes two', /--episodes <n>' argument 'two' is invalid. not a number/],
    [
      'eval --policy expert --placement nowhere',
      /'nowhere' is invalid. Allowed choices are official, random/,
    ],
    ['collect --out @new --noise -1', /--noise <x>' argument '-1' is invalid. must not be negative/],
    [
      'train rl --init @policy --out @new --minibatch-size 0',
      /'0' is invalid. not a whole number of 1 or more/,
    ],
    [
      'train rl --init @policy --out @new --actor-lr x',
      /train rl: option '--actor-lr <n>' argument 'x' is invalid/,
    ],
    [
      'train sft --init @policy --data @empty --out @new --backbone both',
      /Allowed choices are frozen, train/,
    ],
  ])('%s', async (line, message) => {
    expect(await complaint(line)).toMatch(message)
  })
})

describe('files that are missing or broken are named', () => {
  it.each([
    ['train rl --init @nothing --out @new', /nothing: no such policy or run folder/],
    ['train rl --init @empty --out @new', /empty: neither a policy folder \(no manifest.json\) nor a run/],
    ['eval --policy @truncated', /truncated: weights.safetensors has \d+ bytes, not \d+/],
    ['train rl --init @truncated --out @new', /truncated: weights.safetensors has \d+ bytes, not \d+/],
    ['eval --policy @flipped', /flipped: weights.safetensors was changed \(SHA-256 differs\)/],
    [
      'eval --policy @wide',
      /wide: dit.onnx: input 'hiddenStates' is float32 \[.*64\], the policy needs .*96\]/,
    ],
    ['eval --policy expert --out @file/below', /file\/below: cannot create the folder/],
    ['eval --policy expert --out @file', /file: cannot create the folder/],
    ['collect --out @file/below', /file\/below: cannot create the folder/],
    ['train rl --init @policy --out @file/below', /file\/below: cannot create the folder/],
    ['train sft --init @nothing --data @empty --out @new', /nothing: no such policy or run folder/],
  ])('%s', async (line, message) => {
    expect(await complaint(line)).toMatch(message)
  })

  it.each(['train grounding', 'train sft --init @policy'])('%s without a dataset', async (command) => {
    expect(await complaint(`${command} --data @empty --out @new`)).toMatch(/empty: no meta\/info.json here/)
  })
})
