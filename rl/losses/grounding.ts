import { GraphBuilder, type Model } from '@vla-gym/onnx-grad'
import {
  backbone,
  backboneInputs,
  groundingHead,
  groundingSize,
  type NanoConfig,
  type ParameterStore,
} from '../../policy/index.js'

/**
 * Spatial grounding of the backbone: from image and words, where are the things that the instruction names?
 * Inputs: those of the backbone; labels [batch, 9] as `groundingLabels` encodes them (positions in units of
 * 10 cm, sin and cos of twice the yaw, grasped).
 * Outputs (scalars): loss; positionError, root mean square over both things and axes, same unit.
 */
export function groundingLoss(config: NanoConfig, store: ParameterStore): Model {
  const g = new GraphBuilder('grounding')
  const hiddenStates = backbone(g, store, config, backboneInputs(g, config))
  const labels = g.input('labels', 'float32', ['batch', groundingSize])
  const prediction = groundingHead(g, store, config, hiddenStates)
  const [position, yaw, graspedLogit] = g.split(prediction, 1, [6, 2, 1])
  const [positionLabel, yawLabel, grasped] = g.split(labels, 1, [6, 2, 1])

  const positionError = g.sub(position, positionLabel)
  const positionLoss = g.reduceMean(g.mul(positionError, positionError))
  const yawError = g.sub(yaw, yawLabel)
  const yawLoss = g.reduceMean(g.mul(yawError, yawError))
  // Binary cross-entropy with logits: max(l, 0) - l y + log(1 + exp(-|l|)).
  const softplus = g.log(g.add(1, g.exp(g.neg(g.abs(graspedLogit)))))
  const graspedLoss = g.reduceMean(g.add(g.sub(g.relu(graspedLogit), g.mul(graspedLogit, grasped)), softplus))

  g.output('loss', g.add(g.add(positionLoss, g.mul(yawLoss, 0.1)), g.mul(graspedLoss, 0.05)))
  g.output('positionError', g.sqrt(positionLoss))
  return g.build()
}
