import { type Rng, unknownId } from '@vla-gym/gymnasium'
import type { AppearanceSpec } from '../../appearance/index.js'
import { knownWordings, placeWording, putOnWordings } from '../../language/wordings.js'
import {
  findGraspable,
  findReceptacle,
  type Graspable,
  graspables,
  type Receptacle,
  receptacles,
  type Split,
} from '../../objects/index.js'
import type { ObjectSpec } from '../../scenes/objectSpec.js'
import { simplerWidowx } from '../../suites/simplerWidowx.js'
import { findTask } from '../registry.js'
import { spatialTasks } from '../spatial.js'
import type { PutOnTask, Rectangle } from '../task.js'
import { type Choice, combinations, pick } from './choice.js'
import { elsewhere, movedOnce, otherStart } from './execution.js'
import { OFFICIAL, putOnReceptacle } from './putOnReceptacle.js'

export type OodGroup = 'in-distribution' | 'vision' | 'semantics' | 'execution' | 'spatial' | 'training'

/** One kind of change. An episode is a choice of things and a task made of it. */
export interface OodKind {
  readonly id: string
  readonly group: OodGroup
  readonly appearance?: AppearanceSpec
  /** All that an episode may have on the table. */
  readonly things: readonly ObjectSpec[]
  /** @param index of an official episode; absent: a random one */
  choose(rng: Rng, index: number | undefined): Choice
  /** Further things, for grounding data; absent: the kind has none. */
  clutter?(choice: Choice, rng: Rng): Choice
  task(choice: Choice): PutOnTask
}

/** Official episodes of every kind. */
export const OFFICIAL_EPISODES = OFFICIAL

const known = simplerWidowx.tasks
/** What is on the table in SimplerEnv's tasks, by what instructions call it. */
const knownGraspables = ['carrot', 'spoon', 'green block', 'yellow block', 'eggplant']
const knownReceptacles = ['plate', 'towel']
/** Where wrong things stand: on the table, and in the right basin, behind the eggplant. */
const TABLE: Rectangle = { x: [-0.3, -0.06], y: [-0.13, 0.13] }
const BASIN: Rectangle = { x: [-0.25, -0.17], y: [0.15, 0.275] }

const knownThings = [
  ...new Set([
    ...known.map(findTask).flatMap(({ source, target }) => [source, target]),
    ...knownGraspables.map((words) => findGraspable(words).spec),
    ...knownReceptacles.map((words) => findReceptacle(words).spec),
  ]),
]

/** One of the known tasks, in turn, and what changes. */
function ofKnown(
  id: string,
  group: OodGroup,
  change: (task: PutOnTask, choice: Choice) => PutOnTask,
  more: { readonly appearance?: AppearanceSpec } = {},
): OodKind {
  return {
    id,
    group,
    ...more,
    things: knownThings,
    choose: (rng, index) => ({
      task: pick(known, rng, index),
      ...(index !== undefined && { layout: Math.floor(index / known.length) }),
    }),
    task(choice) {
      const task = findTask(choice.task!)
      return { ...change(task, choice), watched: true }
    },
  }
}

const vision = (name: string, appearance: AppearanceSpec) =>
  ofKnown(`ood_vision_${name}`, 'vision', (task) => task, { appearance })

const nameOf = (spec: ObjectSpec) =>
  [...graspables.train, ...receptacles.train].find((each) => each.spec === spec)?.words

/** Sets of wrong things for a known task. */
function wrongSets(kind: 'objects' | 'receptacles', taskId: string): string[][] {
  const task = findTask(taskId)
  const own = [nameOf(task.source), nameOf(task.target)]
  const free = (names: readonly string[]) => names.filter((name) => !own.includes(name))
  if (kind === 'receptacles') return combinations(free(knownReceptacles), 1)
  if (task.target.fixed) return [['green block'], ['yellow block']]
  return combinations(free(knownGraspables), 2)
}

function several(kind: 'objects' | 'receptacles'): OodKind {
  const tasks = known.filter((id) => kind === 'objects' || !findTask(id).target.fixed)
  return {
    id: `ood_semantic_several_${kind}`,
    group: 'semantics',
    things: knownThings,
    choose(rng, index) {
      const task = pick(tasks, rng, index)
      const layout = index === undefined ? undefined : Math.floor(index / tasks.length)
      return {
        task,
        others: pick(wrongSets(kind, task), rng, layout),
        ...(layout !== undefined && { layout }),
      }
    },
    task({ task: id, others = [] }) {
      const task = findTask(id!)
      const find = kind === 'objects' ? findGraspable : findReceptacle
      return {
        ...task,
        watched: true,
        others: others.map((name) => find(name).spec),
        othersIn: task.target.fixed ? BASIN : TABLE,
      }
    },
  }
}

/** Put a thing of one split on a receptacle of another. */
function putOn(
  id: string,
  group: OodGroup,
  split: { readonly source: Split; readonly target: Split },
  language: 'first' | 'seen',
): OodKind {
  const sources = graspables[split.source]
  const targets = receptacles[split.target]
  return {
    id,
    group,
    things: [...sources, ...targets].map(({ spec }) => spec),
    choose: (rng, index) => ({
      source: pick(sources, rng, index).words,
      // Shifted in every round over the sources, so that they meet other receptacles.
      target: pick(targets, rng, index === undefined ? index : index + Math.floor(index / sources.length))
        .words,
      ...(index !== undefined && { layout: index }),
    }),
    clutter(choice, rng) {
      const rest = (list: readonly (Graspable | Receptacle)[], used: string | undefined) =>
        rng.choice(list.filter(({ words }) => words !== used)).words
      return { ...choice, others: [rest(targets, choice.target), rest(sources, choice.source)] }
    },
    task({ source, target, others = [] }) {
      const [a, b] = [findGraspable(source!), findReceptacle(target!)]
      const words = language === 'seen' ? putOnWordings(a.words, b.words).seen : undefined
      const task = putOnReceptacle(id, a, b, words)
      if (others.length === 0) return task
      const [receptacle, object] = others
      const specs = [findReceptacle(receptacle).spec, findGraspable(object).spec]
      return { ...task, others: specs, othersIn: TABLE }
    },
  }
}

function ofSpatial(task: PutOnTask): OodKind {
  return {
    id: task.id,
    group: 'spatial',
    things: [task.source, task.target],
    choose: (_, index) => (index === undefined ? {} : { layout: index }),
    task: () => task,
  }
}

const unseenWords = (task: PutOnTask): PutOnTask => ({
  ...task,
  wordings: (placement) => [...knownWordings(task.id).unseen, placeWording(task.id, placement)],
})

/** The kinds of suite `simpler-ood`, in the order of its report. */
export const oodKinds: readonly OodKind[] = [
  putOn('ood_main', 'in-distribution', { source: 'train', target: 'train' }, 'first'),
  vision('table', { table: 'unseen' }),
  vision('texture', { objects: 'unseen' }),
  vision('noise', { noise: 'unseen' }),
  vision('light', { light: 'unseen' }),
  vision('camera', { camera: 'unseen' }),
  putOn('ood_semantic_object', 'semantics', { source: 'unseen', target: 'train' }, 'first'),
  putOn('ood_semantic_receptacle', 'semantics', { source: 'train', target: 'unseen' }, 'first'),
  ofKnown('ood_semantic_wording', 'semantics', unseenWords),
  several('objects'),
  several('receptacles'),
  ofKnown('ood_execution_position', 'execution', elsewhere),
  ofKnown('ood_execution_start_pose', 'execution', otherStart),
  ofKnown('ood_execution_moved', 'execution', movedOnce),
  ...spatialTasks.map(ofSpatial),
]

/** Training data for all words of the training split. */
export const pickPlace: OodKind = putOn(
  'pick_place',
  'training',
  { source: 'train', target: 'train' },
  'seen',
)

const kinds = new Map([...oodKinds, pickPlace].map((kind) => [kind.id, kind]))

/** Kind of an id; undefined for the id of another task. UserError where it is meant to be one of these. */
export function findOodKind(id: string): OodKind | undefined {
  const kind = kinds.get(id)
  if (!kind && /^(ood_|pick_place)/.test(id)) throw unknownId('task', id, kinds.keys())
  return kind
}
