import { describe, expect, it } from 'vitest'
import { runCli } from './cli.js'

const trainRl = (...options: string[]) =>
  runCli('train', 'rl', '--init', 'nowhere', '--out', 'nowhere', ...options)

describe('train rl refuses, before it reads anything,', () => {
  it.concurrent.each([
    [['--group-size', '4'], /^vla-gym: --group-size is no setting of ppo with flow-sde: leave it out\n$/],
    [['--algorithm', 'grpo', '--gamma', '1'], /--gamma is no setting of grpo with flow-sde/],
    [['--sampler', 'gaussian', '--noise-level', '0.3'], /--noise-level is no setting of ppo with gaussian/],
    [['--algorithm', 'grpo', '--group-size', '1'], /'1' is invalid. a group needs 2 episodes or more/],
    [['--sampler', 'sde'], /Allowed choices are flow-sde, flow-noise, gaussian/],
    [['--lift-height', '0.3'], /liftHeight must be from 0 to 0.04 m, got 0.3/],
    [['--timeout', '5'], /--timeout is for --policy-server: leave it out/],
    [['--policy-server', '127.0.0.1:8000'], /127.0.0.1:8000 is not ws:\/\/HOST:PORT/],
  ])('%j', async (options, message) => {
    const { code, stdout, stderr } = await trainRl(...options)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })
})
