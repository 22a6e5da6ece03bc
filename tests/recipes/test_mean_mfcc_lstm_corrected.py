from tests.recipes.networks import input_shapes, network, weights

NAME = "mean-mfcc-lstm-corrected"


def test_its_lstm_runs_over_time():
    model = network(NAME)
    assert input_shapes(model) == {"features": (130, 40), "mask": (130,)}
    assert model.get_layer("lstm").count_params() == 38_720
    assert weights(model) == (45_767, 45_767)
