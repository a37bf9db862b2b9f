/**
 * Asks a policy server as the simulator does, for an episode of two questions with made-up pictures:
 * node dist/scripts/peers/servers/askServer.js ws://HOST:PORT MAPPING. With record.js in between, its exchanges are the
 * fixtures in test/policy/remote/fixtures.
 */
import { embodiments } from '../../../envs/index.js'
import { type Mapping, RemoteClient, type RobotObservation, renderSpec } from '../../../policy/index.js'

/** A robot's observation that anyone can make again: stripes, and a pose that says which. */
export function madeUpObservation(mapping: Mapping, question: number): RobotObservation {
  const { width, height } = renderSpec(mapping.images[0])
  return {
    image: Uint8Array.from({ length: 3 * width * height }, (_, i) => 40 * ((i >> 6) % 3) + question),
    state: Float32Array.from({ length: 14 }, (_, i) => (i + question) / 16),
    tcpPose: [0.25, -0.125, 0.5, 0, Math.SQRT1_2, 0, Math.SQRT1_2],
    joints: [0, 0.25, -0.5, 0, 1, 0, 0.03125],
    instruction: 'put carrot on plate',
  }
}

const [url, mapping] = process.argv.slice(2)
if (import.meta.filename === process.argv[1]) {
  const client = await RemoteClient.connect(url, { mapping })
  if (!('mapping' in client.contract)) throw new Error('name a mapping')
  const connection = await client.acquire()
  connection.startEpisode({ name: 'made-up' })
  for (const question of [0, 1]) {
    const observation = madeUpObservation(client.contract.mapping, question)
    const robot = embodiments.get('widowx')!
    const { actions, milliseconds } = await client.ask(
      connection,
      client.contract.mapping,
      robot,
      observation,
    )
    console.log(`${actions.length / 7} actions after ${milliseconds.toFixed(1)} ms:`, actions.subarray(0, 7))
  }
  connection.endEpisode({ metrics: { success: false }, steps: 2 })
  client.close()
}
