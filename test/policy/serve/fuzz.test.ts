import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PolicyRuntime } from '../../../policy/index.js'
import type { ServedPolicy } from '../../../policy/serve/servedPolicy.js'
import { serveProtocols } from '../../../policy/serve/session.js'
import { fuzz } from '../../../scripts/peers/servers/fuzz.js'
import { testPolicy, testServer } from './served.js'

let runtime: PolicyRuntime
let policy: ServedPolicy
beforeAll(async () => {
  ;({ runtime, policy } = await testPolicy())
})
afterAll(() => runtime.release())

it.each(serveProtocols)(
  '300 broken frames leave a server of %s up, without a failure of its own',
  async (protocol) => {
    const failures: unknown[] = []
    const server = await testServer(policy, { protocol, onFailure: (error) => failures.push(error) })
    const { sent, actions, errors } = await fuzz(`ws://127.0.0.1:${server.port}`, protocol, 300, 1)
    expect([sent, failures]).toEqual([300, []])
    // Some mutations only change a pixel; most break something.
    expect(actions).toBeGreaterThan(2)
    expect(errors).toBeGreaterThan(50)
    const { status } = await fetch(`http://127.0.0.1:${server.port}/healthz`)
    expect(status).toBe(200)
    await server.close()
  },
)
