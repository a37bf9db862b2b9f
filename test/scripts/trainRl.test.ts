import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadPolicyData, savePolicy } from '../../policy/index.js'
import { lastCheckpoint } from '../../rl/checkpoint.js'
import type { RlSummary } from '../../rl/runReport.js'
import { randomPolicy } from '../rl/testPolicy.js'
import { eventually, runCli, runJson, startCli, temporaryFolder } from './cli.js'

const dir = temporaryFolder()
const init = join(dir, 'policy')
beforeAll(() => savePolicy(init, randomPolicy(1)))

const task = 'widowx_stack_cube'
const settings = ['--episodes-per-iteration', '4', '--evaluation-episodes', '2', '--checkpoint-seconds', '0']
const trainRl = (out: string, minutes: number) =>
  `train rl --init ${init} --suite simpler-widowx --task ${task} --out ${out} --minutes ${minutes}`
    .split(' ')
    .concat(settings)

function read(dir: string, file: string): string {
  return readFileSync(join(dir, file), 'utf8')
}

/** What the newest checkpoint says of itself. */
function progressOf(run: string): { iteration: number; episodes: number; seconds: number } | null {
  const last = lastCheckpoint(run)
  return last && JSON.parse(read(last, 'manifest.json')).training
}

describe('train rl', () => {
  it('evaluates, trains, evaluates the same episodes again and leaves a run folder', async () => {
    const out = join(dir, 'whole')
    const summary = await runJson<RlSummary>(...trainRl(out, 0.05))

    expect(summary.iterations).toBeGreaterThanOrEqual(1)
    expect(summary.episodes).toBe(4 * summary.iterations)
    expect(summary.seconds).toBeGreaterThanOrEqual(3)
    for (const report of [summary.before, summary.after]) {
      expect(report).toMatchObject({ suite: 'simpler-widowx', tasks: [{ task, episodes: 2 }] })
      const { rate, ci95 } = report.mean
      expect(ci95[0] <= rate && rate <= ci95[1]).toBe(true)
    }

    expect(JSON.parse(read(out, 'config.json'))).toMatchObject({ stage: 'rl', episodesPerIteration: 4 })
    const steps = read(out, 'metrics.jsonl').trim().split('\n')
    expect(steps.map((line) => JSON.parse(line).step)).toEqual(steps.map((_, i) => i + 1))
    const files = readdirSync(out)
    expect(files.filter((name) => name.startsWith('events.out.tfevents.')).length).toBe(1)
    for (const phase of ['before', 'after']) {
      expect(files).toEqual(
        expect.arrayContaining([
          `evaluation-${phase}.json`,
          `episodes-${phase}.msgpack`,
          `episodes-${phase}.mp4`,
        ]),
      )
    }
    expect(lstatSync(join(out, 'checkpoints', 'last')).isSymbolicLink()).toBe(true)
    expect(loadPolicyData(summary.checkpoint).manifest.training).toMatchObject({ stage: 'rl' })
    const html = read(out, 'report.html')
    expect(summary.report).toBe(join(out, 'report.html'))
    expect(html).not.toMatch(/(src|href)\s*=\s*["']?(https?:)?\/\/|url\(\s*["']?https?:|@import/)
    expect(html.match(/<video/g)?.length).toBe(2)

    const changed = await runCli(...trainRl(out, 0.05), '--actor-lr', '1e-5')
    expect({ code: changed.code, stdout: changed.stdout }).toEqual({ code: 2, stdout: '' })
    expect(changed.stderr).toMatch(/^vla-gym: .*config.json: 'actorLr' was 0.00003, now 0.00001; [^\n]*\n$/)
    expect(readdirSync(out)).toEqual(files)
  })

  it('goes on after Ctrl-C and after kill -9, and counts all of it', async () => {
    const out = join(dir, 'interrupted')
    const command = trainRl(out, 0.15)

    const interrupted = startCli(...command)
    await eventually(() => progressOf(out))
    interrupted.kill('SIGINT')
    const stop = Date.now()
    const { code, stdout, stderr } = await interrupted.finished
    expect(Date.now() - stop).toBeLessThan(15_000)
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' })
    expect(stderr.trim().split('\n').at(-1)).toMatch(/interrupted; run the same command again/)
    const first = progressOf(out)!
    expect(first.episodes).toBe(4 * first.iteration)

    const killed = startCli(...command)
    await eventually(() => progressOf(out)!.iteration > first.iteration)
    killed.kill('SIGKILL')
    expect((await killed.finished).code).toBe(null)
    const second = progressOf(out)!
    expect(second.episodes).toBe(4 * second.iteration)
    expect(second.seconds).toBeGreaterThan(first.seconds)

    const summary = await runJson<RlSummary>(...command)
    expect(summary.iterations).toBeGreaterThan(second.iteration)
    expect(summary.episodes).toBe(4 * summary.iterations)
    expect(summary.seconds).toBeGreaterThanOrEqual(9)
    // One iteration may start just before the time is up; a run that forgot its past would take twice as long.
    const longest = Math.max(
      ...metricsOf(out).map(({ rolloutSeconds, updateSeconds }) => rolloutSeconds + updateSeconds),
    )
    expect(summary.seconds).toBeLessThan(9 + longest + 0.1)
    expect(new Set(metricsOf(out).map(({ step }) => step)).size).toBe(summary.iterations)
    expect(read(out, 'report.html')).toContain(
      `${summary.iterations} iterations, ${summary.episodes} episodes`,
    )
    const left = readdirSync(join(out, 'checkpoints')).filter((name) => name.startsWith('.'))
    expect(left).toEqual([])
    expect(existsSync(join(out, 'checkpoints', 'last', 'weights.safetensors'))).toBe(true)
  }, 120_000)
})

function metricsOf(run: string): { step: number; rolloutSeconds: number; updateSeconds: number }[] {
  const lines = read(run, 'metrics.jsonl').trim().split('\n')
  return lines.map((line) => JSON.parse(line))
}
