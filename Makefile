test:     ; go test ./...
lint:     ; bash .ci/run lint
generate: ; bash .ci/run generate
fuzz:     ; bash .ci/run fuzz
ci:       ; bash .ci/run
bench:    ; go test -run '^$$' -bench . ./internal/kernel ./internal/nn
golden:   ; go test ./... -run Golden -update
demo:     ; go run ./cmd/oncovox run quickstart
.PHONY: test lint generate fuzz ci bench golden demo
