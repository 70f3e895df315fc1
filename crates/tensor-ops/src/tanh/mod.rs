//! The hyperbolic tangent, on the processor to the same bits everywhere: the function of the system's library differs
//! in the last place from one system to the next.

mod backend;
#[cfg(feature = "cpu")]
mod flex;
pub mod reference;

use burn::Tensor;
use burn::backend::Dispatch;

pub use backend::TanhOps;

/// `tanh(x)`, any shape.
pub fn tanh<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as TanhOps>::tanh(x.into_dispatch()))
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn it_is_the_tangent() {
        let device = Device::flex();
        let x: Vec<f32> = (-300..=300).map(|k| k as f32 * 0.05).collect();
        let found: Vec<f32> = tanh(Tensor::<1>::from_data(x.as_slice(), &device)).into_data().iter::<f32>().collect();
        for (x, y) in x.iter().zip(found) {
            assert!((f64::from(y) - f64::from(*x).tanh()).abs() < 1.2e-7, "tanh({x}) = {y}");
        }
        let strided = Tensor::<2>::from_data([[0.5_f32, 9.0], [-2.0, 9.0]], &device).narrow(1, 0, 1);
        let found: Vec<f32> = tanh(strided).into_data().iter::<f32>().collect();
        assert_eq!(found, [0.5, -2.0].map(libm::tanhf));
    }

    /// With autodiff it is burn's own, whose gradient is known.
    #[test]
    fn it_has_a_gradient() {
        let device = Device::flex().autodiff();
        let x = Tensor::<1>::from_data([0.3_f32, -1.2], &device).require_grad();
        let gradients = tanh(x.clone()).sum().backward();
        let slopes: Vec<f32> = x.grad(&gradients).expect("a gradient").into_data().iter::<f32>().collect();
        for (slope, x) in slopes.into_iter().zip([0.3_f32, -1.2]) {
            assert!((slope - (1.0 - x.tanh() * x.tanh())).abs() < 1e-6);
        }
    }
}
