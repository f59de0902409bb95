FROM node:20.20.2-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No dependency needs its install script: what is native comes prebuilt in a package of its platform.
RUN npm install --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build && chmod +x dist/cli/main.js && npm prune --ignore-scripts --omit=dev

FROM node:20.20.2-bookworm-slim
ENV NODE_ENV=production \
    ROLLCALL_LISTEN=0.0.0.0:7400 \
    ROLLCALL_DATA_DIR=/data
WORKDIR /app
COPY package.json LICENSE ./
COPY proto/rollcall/v1 proto/rollcall/v1
COPY proto/rollcall.binpb proto/
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
# The directory is made for the user who runs the server: a new volume takes over its owner.
RUN ln -s /app/dist/cli/main.js /usr/local/bin/rollcall && install -d -o node -g node /data
USER node
VOLUME /data
EXPOSE 7400
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --start-interval=1s --retries=3 \
    CMD ["rollcall", "health", "--timeout", "4s"]
ENTRYPOINT ["rollcall", "serve"]
