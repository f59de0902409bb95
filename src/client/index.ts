/**
 * Rollcall's client: registering endpoints, and watching services.
 *
 * ```ts
 * const client = new RollcallClient({ servers: ['127.0.0.1:7400'] });
 * const registration = await client.register({ service: 'payments', addresses: ['10.0.0.7:8080'] });
 * for await (const event of client.watch('payments').changes()) console.log(event);
 * await client.close(); // deregisters, too
 * ```
 */
export { RollcallClient } from './rollcall-client.js';
export type { CloseOnSignalsOptions } from './close-on-signals.js';
export type { PemCredentials } from './connection/channel-credentials.js';
export type {
  CallOptions,
  DeregisterOptions,
  FollowOptions,
  ListEndpointsOptions,
  ListOptions,
  RegisterOptions,
  RollcallClientOptions,
  SelectorInit,
  WatchOptions,
} from './client-options.js';
export type { EndpointInit, EndpointUpdate } from './endpoint-init.js';
export type { ClientLogger } from './logger.js';
export type { Registration, RegistrationState } from './registration/registration.js';
export type { ServiceView } from './view/service-view.js';
export type { KnownView, StatusEvent, UnknownView, ViewEvent, ViewReading, ViewStatus } from './view/view-reading.js';
export type {
  CheckpointEvent,
  DeltaEvent,
  ReconnectEvent,
  Removal,
  RemovalReason,
  SnapshotEvent,
  SnapshotReason,
  WatchEvent,
} from './view/watch-event.js';
export { isRollcallError, RollcallError } from '../core/errors.js';
export type { FieldViolation, Reason } from '../core/errors.js';
export { Health } from '../gen/rollcall/v1/endpoint.js';
export type { Address, Endpoint, Locality } from '../gen/rollcall/v1/endpoint.js';
export { LabelRequirement_Operator as LabelOperator } from '../gen/rollcall/v1/selector.js';
export type { LabelRequirement, Selector } from '../gen/rollcall/v1/selector.js';
export type { ServiceSummary } from '../gen/rollcall/v1/discovery.js';
