/**
 * Advantages of episodes within their groups (GRPO, DeepSeekMath, arXiv 2402.03300, section 4.1.2): (r - mean) / (std +
 * 1e-6) over the group, std being that of the group itself (divided by its size). Where all rewards of a group are
 * equal they are 0: such a group teaches nothing.
 * @param rewards [groups * groupSize] of consecutive groups
 */
export function groupAdvantages(rewards: Float32Array, groupSize: number): Float32Array {
  const advantages = new Float32Array(rewards.length)
  for (let start = 0; start < rewards.length; start += groupSize) {
    const group = rewards.subarray(start, start + groupSize)
    const mean = group.reduce((sum, r) => sum + r, 0) / group.length
    const variance = group.reduce((sum, r) => sum + (r - mean) ** 2, 0) / group.length
    group.forEach((reward, i) => {
      advantages[start + i] = (reward - mean) / (Math.sqrt(variance) + 1e-6)
    })
  }
  return advantages
}
