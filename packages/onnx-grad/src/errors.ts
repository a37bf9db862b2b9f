export { UserError } from '@vla-gym/gymnasium'
