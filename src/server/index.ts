/** `rollcall/server`: the server as a library, for programs and tests that run their own. */
export { RollcallServer, type ServerOptions } from './rollcall-server.js';
export { environmentVariable, readConfig, SETTING_NAMES, type ConfigSources } from './config.js';
export { SETTINGS, type Config, type Setting, type SettingName } from './settings.js';
