import type { Env } from './env.js'
import { UserError, unknownId } from './errors.js'
import { type AutoresetMode, SyncVectorEnv } from './vector/syncVectorEnv.js'
import { OrderEnforcing } from './wrappers/orderEnforcing.js'
import { PassiveEnvChecker } from './wrappers/passiveEnvChecker.js'
import { TimeLimit } from './wrappers/timeLimit.js'

type Kwargs = Record<string, unknown>

/** What is known of a registered environment. */
export interface EnvSpec {
  /** `[namespace/]name-vN` */
  readonly id: string
  readonly namespace: string | null
  readonly name: string
  readonly version: number
  readonly entryPoint: (kwargs: Kwargs) => Env
  readonly maxEpisodeSteps?: number
  readonly kwargs: Kwargs
}

export interface Registration<Obs, Act, Info extends object> {
  readonly id: string
  /** Makes the environment from the registered kwargs overlaid with those given to `make`. */
  // biome-ignore lint/suspicious/noExplicitAny: every environment names its own keyword arguments
  readonly entryPoint: (kwargs: any) => Env<Obs, Act, Info>
  /** Adds a TimeLimit. */
  readonly maxEpisodeSteps?: number
  readonly kwargs?: Kwargs
}

export interface MakeOptions {
  /** Replaces the registered limit; null for none. */
  readonly maxEpisodeSteps?: number | null
  /** Leaves out PassiveEnvChecker, which looks at the first reset, step and render. */
  readonly disableEnvChecker?: boolean
}

const registry = new Map<string, EnvSpec>()

/** Parts of `[namespace/]name-vN`. UserError where the id is not of that form. */
export function parseEnvId(id: string): Pick<EnvSpec, 'namespace' | 'name' | 'version'> {
  const match = /^(?:([\w:-]+)\/)?([\w:.-]+?)-v(\d+)$/.exec(id)
  if (!match) throw new UserError(`environment id '${id}' is not of the form [namespace/]name-vN`)
  return { namespace: match[1] ?? null, name: match[2], version: Number(match[3]) }
}

/** Makes an environment known to `make`. UserError for an id that is malformed or taken. */
export function register<Obs, Act, Info extends object>(entry: Registration<Obs, Act, Info>): void {
  if (registry.has(entry.id)) throw new UserError(`environment id '${entry.id}' is already registered`)
  const { id, entryPoint, maxEpisodeSteps, kwargs = {} } = entry
  registry.set(id, {
    id,
    ...parseEnvId(id),
    // Which environment an id names is only known at run time: `make` hands back what its caller asks for.
    entryPoint: entryPoint as unknown as EnvSpec['entryPoint'],
    maxEpisodeSteps,
    kwargs,
  })
}

/** The spec of an id. UserError with the nearest known ids for one that is not registered. */
export function spec(id: string): EnvSpec {
  const found = registry.get(id)
  if (!found) throw unknownId('environment id', id, registry.keys())
  return found
}

/** Every registered id, sorted. */
export function registeredIds(): string[] {
  return [...registry.keys()].sort()
}

/**
 * The environment of an id, in PassiveEnvChecker, OrderEnforcing and (where it has a limit) TimeLimit. The type
 * parameters say what the caller knows about it: `make<CartPoleObservation, number>('CartPole-v1')`.
 */
export function make<Obs = unknown, Act = unknown, Info extends object = Record<string, unknown>>(
  id: string,
  kwargs: Kwargs = {},
  options: MakeOptions = {},
): Env<Obs, Act, Info> {
  const entry = spec(id)
  const merged = { ...entry.kwargs, ...kwargs }
  const limit = options.maxEpisodeSteps === undefined ? entry.maxEpisodeSteps : options.maxEpisodeSteps
  let env = entry.entryPoint(merged) as unknown as Env<Obs, Act, Info>
  const value: EnvSpec = { ...entry, kwargs: merged, maxEpisodeSteps: limit ?? undefined }
  Object.defineProperty(env, 'spec', { value, configurable: true, enumerable: false })
  if (!options.disableEnvChecker) env = new PassiveEnvChecker(env)
  env = new OrderEnforcing(env)
  return limit == null ? env : new TimeLimit(env, limit)
}

/** `numEnvs` environments of an id behind the vector API. */
export function makeVec<Obs = unknown, Act = unknown, Info extends object = Record<string, unknown>>(
  id: string,
  numEnvs: number,
  options: MakeOptions & { kwargs?: Kwargs; autoresetMode?: AutoresetMode; copy?: boolean } = {},
): SyncVectorEnv<Obs, Act, Info> {
  const envFns = Array.from(
    { length: numEnvs },
    () => () => make<Obs, Act, Info>(id, options.kwargs, options),
  )
  return new SyncVectorEnv(envFns, options)
}
