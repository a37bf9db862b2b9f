import { motionLevels } from '../../motion/samplePath.js'
import type { AlohaTask, AlohaTaskSpec } from '../alohaTask.js'
import { beatBlockHammer } from './beatBlockHammer.js'
import { grabRoller } from './grabRoller.js'
import { handoverBlock } from './handoverBlock.js'
import { movePillbottlePad } from './movePillbottlePad.js'
import { placeA2bLeft } from './placeA2bLeft.js'
import { placeBreadBasket } from './placeBreadBasket.js'
import { placeCanBasket } from './placeCanBasket.js'
import { placeContainerPlate } from './placeContainerPlate.js'
import { pressStapler } from './pressStapler.js'
import { shakeBottle } from './shakeBottle.js'

/** A frame of DOMINO's demonstrations takes 0.06 s, an action here 0.1 s: the same time in fewer steps. */
const STEP_RATIO = 0.6

const specs: readonly AlohaTaskSpec[] = [
  grabRoller,
  handoverBlock,
  placeA2bLeft,
  placeCanBasket,
  shakeBottle,
  beatBlockHammer,
  movePillbottlePad,
  placeBreadBasket,
  placeContainerPlate,
  pressStapler,
]

/** DOMINO's ten-task subset at its three levels. */
export const alohaTasks: ReadonlyMap<string, AlohaTask> = new Map(
  specs.flatMap((spec) =>
    motionLevels.map((level): [string, AlohaTask] => {
      const id = `aloha_${spec.name}_l${level}`
      return [id, { ...spec, id, level, maxSteps: Math.round(STEP_RATIO * spec.publishedSteps) }]
    }),
  ),
)
