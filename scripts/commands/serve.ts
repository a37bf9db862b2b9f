import { Command, Option } from 'commander'
import { loadPolicyData, PolicyRuntime, readFolder } from '../../policy/index.js'
import { apiKeyVariable, checkExposure } from '../../policy/serve/apiKey.js'
import { servedPolicy } from '../../policy/serve/servedPolicy.js'
import { serverDefaults, startServer } from '../../policy/serve/server.js'
import { type ServeProtocol, serveProtocols } from '../../policy/serve/session.js'
import { Trainer } from '../../policy/serve/trainer.js'
import { resolvePolicyDir } from '../../rl/checkpoint.js'
import { count, type DeviceOptions, deviceOption, notNegative, positive, seed } from '../options.js'

interface Options extends DeviceOptions {
  policy: string
  embodiment: string
  protocol: ServeProtocol
  host: string
  port: number
  threads: number
  batch: number
  wait: number
  clients: number
  frameMb: number
  idle: number
  seed: number
  allowTraining?: boolean
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('serve a policy to simulators and robots over WebSocket')
    .requiredOption('--policy <dir>', 'policy folder or run folder')
    .option('--embodiment <id>', 'robot that the policy acts for', 'widowx')
    .addOption(
      new Option('--protocol <p>', 'what the clients speak').choices(serveProtocols).default('openpi'),
    )
    .addOption(deviceOption())
    .option(
      '--host <address>',
      `address to listen on; any but this machine's own needs ${apiKeyVariable}`,
      serverDefaults.host,
    )
    .option('--port <n>', 'port to listen on; 0 takes a free one', seed, 8000)
    .option('--threads <n>', 'threads of onnxruntime', count, 1)
    .option('--batch <n>', 'most observations computed at once', count, serverDefaults.maxBatch)
    .option('--wait <ms>', 'how long a request waits for others', notNegative, serverDefaults.maxWaitMs)
    .option('--clients <n>', 'most clients at once', count, serverDefaults.maxClients)
    .option('--frame-mb <n>', 'largest request, MiB', positive, serverDefaults.maxBytes / 2 ** 20)
    .option('--idle <s>', 'a client silent for so long is let go', positive, serverDefaults.idleSeconds)
    .option('--seed <n>', 'seed of the noise of requests that name no episode', seed, 0)
    .option('--allow-training', "let 'vla-gym train rl --policy-server' send weights and sample with them")
    .action(serve)
}

async function serve(options: Options): Promise<void> {
  const apiKey = process.env[apiKeyVariable] || undefined
  checkExposure(options.host, apiKey)
  const dir = resolvePolicyDir(options.policy)
  const { contentHash } = readFolder(dir).manifest
  const { threads, device } = options
  const data = loadPolicyData(dir)
  const runOn = { threads, device }
  const runtime = await PolicyRuntime.create(data, runOn)
  const trainer = options.allowTraining
    ? new Trainer(data, contentHash, options.embodiment, runOn)
    : undefined
  try {
    const policy = servedPolicy(runtime, options.embodiment, contentHash, options.seed)
    const server = await startServer(policy, {
      protocol: options.protocol,
      host: options.host,
      port: options.port,
      apiKey,
      maxBatch: options.batch,
      maxWaitMs: options.wait,
      maxClients: options.clients,
      maxBytes: Math.round(options.frameMb * 2 ** 20),
      idleSeconds: options.idle,
      ...(trainer && { trainer }),
      onFailure: (error) => process.stderr.write(`serve: ${(error as Error).stack ?? String(error)}\n`),
    })
    process.stdout.write(
      `serving ${options.policy} (${options.protocol}) on ws://${options.host}:${server.port}\n`,
    )
    await interrupted()
    process.stderr.write('\nclosing: requests in progress are answered (again to stop at once)\n')
    await server.close()
  } finally {
    await Promise.all([runtime.release(), trainer?.release()])
  }
}

/** Resolves at the first Ctrl-C or SIGTERM; a second one kills. */
function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve())
  })
}
