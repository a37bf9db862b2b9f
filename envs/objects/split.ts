import { carrot, disc, eggplant, greenCube, type ObjectSpec, spoon, yellowCube } from '../scenes/objects.js'
import { block, egg, type Graspable, graspable, ROUND, standing, tool } from './graspable.js'
import { dish, flatPlate, knownPlate, knownTowel, openBox, type Receptacle, slab } from './receptacle.js'
import { box } from './shapes.js'

/** Things for training, and things that training must not see. */
export const splits = ['train', 'unseen'] as const
export type Split = (typeof splits)[number]

const known = (words: string, spec: ObjectSpec): Graspable => ({ words, spec })

/** A spoon of another material. */
const wooden: ObjectSpec = {
  ...spoon,
  name: 'wooden_spoon',
  body: {
    name: 'wooden_spoon',
    parts: spoon.body.parts.map((part) => ({
      ...part,
      color: part.collides === false ? 0x8a5a2e : 0xb98243,
      texture: 'grain' as const,
    })),
  },
}

const STEEL = 0xc3c9cf
const LEAF = 0x3f8f3a

/** Three straight pieces along a bow. */
function banana(): Graspable {
  const yellow = 0xf3d33c
  const parts = [
    box([0, 0, 0.013], [0.044, 0.028, 0.026], yellow),
    box([-0.034, 0.009, 0.013], [0.036, 0.024, 0.024], yellow, { yaw: -0.5 }),
    box([0.034, 0.009, 0.013], [0.036, 0.024, 0.024], yellow, { yaw: 0.5 }),
    box([0.053, 0.02, 0.014], [0.012, 0.008, 0.01], 0x6b5326, { yaw: 0.5, collides: false }),
  ]
  return graspable('banana', parts)
}

function mushroom(): Graspable {
  const parts = [disc(0.012, 0, 0.016, 0xefe6d2), disc(0.019, 0.016, 0.026, 0xb5764a)]
  parts.push(disc(0.014, 0.026, 0.03, 0xb5764a))
  return graspable('mushroom', parts, { period: ROUND, height: 0 })
}

function toyCar(): Graspable {
  const wheels = [-0.017, 0.017].flatMap((x) =>
    [-0.0155, 0.0155].map((y) => box([x, y, 0.006], [0.012, 0.003, 0.011], 0x23262a, { collides: false })),
  )
  const body = box([0, 0, 0.009], [0.062, 0.03, 0.018], 0xd13438)
  return graspable('toy car', [body, box([-0.004, 0, 0.024], [0.03, 0.026, 0.012], 0x9fc4dd), ...wheels], {
    density: 500,
  })
}

function bottle(): Graspable {
  const blue = 0x2f6fd6
  const parts = [disc(0.018, 0, 0.036, blue), disc(0.009, 0.036, 0.05, blue)]
  parts.push(disc(0.0092, 0.046, 0.0505, 0xf0f0ea, false))
  return graspable('blue bottle', parts, { period: ROUND, density: 500 })
}

/** The split of graspable things. The first five of training are those of SimplerEnv's WidowX tasks. */
export const graspables: Readonly<Record<Split, readonly Graspable[]>> = {
  train: [
    known('carrot', carrot),
    known('spoon', spoon),
    known('green block', greenCube),
    known('yellow block', yellowCube),
    known('eggplant', eggplant),
    known('wooden spoon', wooden),
    egg('apple', { color: 0xc62f2f }, { size: [0.042, 0.04, 0.037], stem: 0x5f4326 }),
    banana(),
    egg('cucumber', { color: 0x2f7a3b, texture: 'speckle' }, { size: [0.1, 0.028, 0.027] }),
    egg('lemon', { color: 0xf2e03a }, { size: [0.05, 0.036, 0.034], point: 0.8 }),
    egg('potato', { color: 0xb18a58, texture: 'speckle' }, { size: [0.062, 0.039, 0.033] }),
    egg('egg', { color: 0xf3efe6 }, { size: [0.047, 0.036, 0.034], point: 0.3 }),
    standing(
      'red can',
      0xd02f2f,
      [0.018, 0.046],
      [
        { from: 0.043, to: 0.0462, color: STEEL },
        { from: 0.016, to: 0.028, color: 0xf1efe8 },
      ],
    ),
    standing('blue cup', 0x3a78c9, [0.02, 0.04], [{ from: 0.036, to: 0.0402, color: 0xdfe8f2 }]),
    block('pink eraser', { color: 0xe987a5 }, [0.052, 0.026, 0.018]),
    tool('black marker', { color: 0x2b2d31 }, [box([0.051, 0, 0.0085], [0.012, 0.014, 0.014], 0xd8dadd)]),
  ],
  unseen: [
    egg('pear', { color: 0xa9c14a }, { size: [0.06, 0.038, 0.036], point: 0.7, stem: 0x5f4326 }),
    egg('peach', { color: 0xf0a27a }, { size: [0.042, 0.041, 0.037] }),
    egg('tomato', { color: 0xd8402c }, { size: [0.041, 0.042, 0.034], stem: LEAF }),
    egg(
      'corn',
      { color: 0xf0c93a, texture: 'weave' },
      { size: [0.095, 0.03, 0.029], point: 0.5, stem: LEAF },
    ),
    egg(
      'strawberry',
      { color: 0xd7263d, texture: 'speckle' },
      { size: [0.042, 0.034, 0.03], point: 1, stem: LEAF },
    ),
    egg('lime', { color: 0x7cb342 }, { size: [0.044, 0.035, 0.034], point: 0.4 }),
    egg('onion', { color: 0x8e3a59 }, { size: [0.041, 0.04, 0.036], point: 0.2, stem: 0xd9c9a2 }),
    egg('sausage', { color: 0xa3533a }, { size: [0.085, 0.026, 0.025] }),
    egg('bread', { color: 0xc98f4e, texture: 'grain' }, { size: [0.08, 0.039, 0.034], density: 350 }),
    block('purple block', { color: 0x7b3fa0 }, [0.032, 0.032, 0.032]),
    block('yellow cheese', { color: 0xf5cf52, texture: 'speckle' }, [0.05, 0.034, 0.026]),
    bottle(),
    mushroom(),
    toyCar(),
    tool('hammer', { color: 0xb98243, texture: 'grain' }, [
      box([0.054, 0, 0.0095], [0.018, 0.044, 0.019], 0x4a4d52),
    ]),
    tool('spatula', { color: 0x3c4046 }, [
      box([0.053, 0, 0.0085], [0.016, 0.012, 0.008], STEEL),
      box([0.077, 0, 0.0085], [0.034, 0.04, 0.005], STEEL),
    ]),
  ],
}

/** The split of receptacles. The first two of training are those of SimplerEnv's WidowX tasks. */
export const receptacles: Readonly<Record<Split, readonly Receptacle[]>> = {
  train: [
    knownPlate,
    knownTowel,
    dish('red bowl', 0xc0392b, 0.014, 0xe9e2d6),
    openBox('wooden tray', 0x9c6b3c, 0.011, { texture: 'grain', length: 0.122 }),
    slab('white napkin', 0xf0eee8, [0.1, 0.1, 0.005], { texture: 'cloth', bands: 0xc94f4f }),
    openBox('green box', 0x3c9a5a, 0.015),
    dish('gray pot', 0x72777d, 0.016, 0x4e5257),
    slab('pink cloth', 0xe28aa8, [0.112, 0.092, 0.006], { texture: 'weave' }),
  ],
  unseen: [
    flatPlate('purple plate', 0x8457b5, 0xd9c8ec),
    dish('blue bowl', 0x2f5fa8, 0.014, 0xdfe6ef),
    openBox('black tray', 0x2c2f34, 0.011, { length: 0.122 }),
    slab('orange napkin', 0xec8a33, [0.104, 0.104, 0.005], { texture: 'cloth', bands: 0xfff3df }),
    slab('brown book', 0x7a4a2b, [0.115, 0.085, 0.013], { bands: 0xe6c877, density: 600 }),
    slab('yellow sponge', 0xf0d548, [0.105, 0.075, 0.016], { texture: 'speckle', density: 250 }),
    flatPlate('metal lid', 0xb9bfc6, 0x8d949c),
    openBox('white container', 0xe9ebee, 0.015),
  ],
}

export function findGraspable(words: string): Graspable {
  return splits.flatMap((split) => graspables[split]).find((each) => each.words === words)!
}

export function findReceptacle(words: string): Receptacle {
  return splits.flatMap((split) => receptacles[split]).find((each) => each.words === words)!
}
