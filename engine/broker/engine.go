package broker

import (
	"context"
	"time"

	"github.com/servicepack/svp/engine"
)

// Engine is what the broker asks of svp's engine.
type Engine interface {
	OfferedPacks(text string) ([]string, error)
	Offer(ctx context.Context, pack string) (engine.Offer, error)
	Prepare(ctx context.Context, pack string) error
	Up(ctx context.Context, o engine.UpOptions) (engine.UpResult, error)
	Update(ctx context.Context, o engine.UpdateOptions) (engine.UpResult, error)
	Start(ctx context.Context, name string, timeout time.Duration) (engine.UpResult, error)
	Restart(ctx context.Context, name string, timeout time.Duration) (engine.UpResult, error)
	Destroy(ctx context.Context, name string) error
	Bind(ctx context.Context, name, consumer string, view engine.View) (engine.BindResult, error)
	Unbind(ctx context.Context, name, consumer string) error
	Usage(ctx context.Context, name string) (bytes int64, known bool, err error)
	Info(ctx context.Context, name string) (engine.Instance, error)
}
