import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { savePolicy } from '../../policy/index.js'
import { Connection } from '../../policy/remote/connection.js'
import { serveProtocols } from '../../policy/serve/session.js'
import { openpiObservation, vlaEvalObservation } from '../policy/serve/served.js'
import { randomPolicy } from '../rl/testPolicy.js'
import { eventually, runCli, startCli, temporaryFolder } from './cli.js'

const policy = join(temporaryFolder(), 'policy')
beforeAll(() => savePolicy(policy, randomPolicy(0)))

it.each(serveProtocols)(
  'serve --protocol %s answers, and at SIGTERM says so and ends well',
  async (protocol) => {
    const server = startCli('serve', '--policy', policy, '--protocol', protocol, '--port', '0')
    const url = await eventually(() => /ws:\S+/.exec(server.output.stdout)?.[0])
    expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+$/)
    const connection = await Connection.open(url, {}, protocol)
    const isOpenpi = protocol === 'openpi'
    const { actions } = await connection.infer(isOpenpi ? openpiObservation(0) : vlaEvalObservation(0))
    expect(actions.shape).toEqual(isOpenpi ? [8, 7] : [7])
    server.kill('SIGTERM')
    const { code, stderr } = await server.finished
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('closing') })
    expect(connection.isOpen).toBe(false)
  },
)

it.each([
  ['an address that lets others in, without a key', ['--host', '0.0.0.0'], /VLA_GYM_API_KEY/],
  ['a robot that the policy does not know', ['--embodiment', 'widow'], /nearest known: widowx/],
])('serve refuses %s in one line', async (_, args, message) => {
  const { code, stdout, stderr } = await runCli('serve', '--policy', policy, ...args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toMatch(message)
  expect(stderr.trim().split('\n').length).toBe(1)
})
