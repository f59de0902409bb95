// Loaded first in each process of the demonstration: however the one that started it ends, so does it.
process.once('disconnect', () => process.exit(1));
// The channel alone is no reason to go on.
process.channel?.unref();
