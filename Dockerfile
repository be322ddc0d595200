# The collector with its UI and the embedded store: what `throughline up` needs, and nothing that only builds or tests it.
# `docker build --tag throughline .`

FROM node:24-slim AS build
WORKDIR /app
COPY . .
# Installs what it needs by itself.
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/server/package.json packages/server/
COPY packages/trace/package.json packages/trace/
COPY packages/sdk/package.json packages/sdk/
COPY packages/ui/package.json packages/ui/
COPY examples/checkout/package.json examples/checkout/
RUN npm ci --omit=dev --workspace=packages/server --no-audit --no-fund

FROM node:24-slim
ENV NODE_ENV=production THROUGHLINE_DATA_DIR=/var/lib/throughline
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules/
COPY --from=build /app/LICENSE ./
COPY --from=build /app/packages/server/package.json packages/server/
COPY --from=build /app/packages/server/dist packages/server/dist/
COPY --from=build /app/packages/trace/package.json packages/trace/
COPY --from=build /app/packages/trace/dist packages/trace/dist/
# For `throughline demo`.
COPY --from=build /app/packages/sdk/package.json packages/sdk/
COPY --from=build /app/packages/sdk/dist packages/sdk/dist/
# A volume begins with the owner of the directory that it covers.
RUN install -d -o node -g node -m 700 /var/lib/throughline
# By its number, which Kubernetes can tell from root's.
USER 1000
VOLUME /var/lib/throughline
EXPOSE 4317 4318 4319
ENTRYPOINT ["node", "/app/packages/server/dist/cli/main.js"]
CMD ["up"]
